import { Trans, useLingui } from '@lingui/react/macro'
import { Badge, Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { sessions, useEndSessions } from '../api/account'
import type { Session } from '../api/types'
import { formatMoment } from '../dates'
import { Loading } from '../layout/Loading'
import { ProblemAlert } from '../layout/ProblemAlert'

/** Where somebody is logged in, and the end of that. */
export function SessionList() {
  const { t } = useLingui()
  const { data, error } = useQuery(sessions)
  const end = useEndSessions()
  const problem = end.error ?? error
  return (
    <Paper p="xl" component="section" aria-label={t`Where you are logged in`}>
      <Stack>
        <div>
          <Title order={2} size="h5">
            <Trans>Where you are logged in</Trans>
          </Title>
          <Text size="sm" c="dimmed">
            <Trans>
              End what you do not know or no longer use. A week without use ends it, too.
            </Trans>
          </Text>
        </div>
        {problem && <ProblemAlert error={problem} />}
        {!data && !error && (
          <Loading label={t`Loading where you are logged in`}>
            <Skeleton height={44} />
          </Loading>
        )}
        {data?.items.map((session) => (
          <SessionRow key={session.id} session={session} end={end} />
        ))}
        {data && data.items.some((session) => !session.is_current) && (
          <Group justify="flex-end">
            <Button
              variant="default"
              loading={end.isPending && end.variables === null}
              onClick={() => end.mutate(null)}
            >
              <Trans>Log out everywhere else</Trans>
            </Button>
          </Group>
        )}
      </Stack>
    </Paper>
  )
}

type Props = { session: Session; end: ReturnType<typeof useEndSessions> }

function SessionRow({ session, end }: Props) {
  const { t } = useLingui()
  const [since, seen] = [formatMoment(session.created_at), formatMoment(session.seen_at)]
  return (
    <Group justify="space-between" wrap="nowrap">
      <div>
        <Group gap="xs">
          <Text size="sm" fw={500}>
            <Trans>Since {since}</Trans>
          </Text>
          {session.is_current && (
            <Badge size="sm" variant="light">
              <Trans>This browser</Trans>
            </Badge>
          )}
        </Group>
        <Text size="xs" c="dimmed">
          <Trans>Last used around {seen}</Trans>
        </Text>
      </div>
      {!session.is_current && (
        <Button
          size="xs"
          variant="light"
          color="red"
          flex="none"
          aria-label={t`Log out the browser that is logged in since ${since}`}
          loading={end.isPending && end.variables === session.id}
          onClick={() => end.mutate(session.id)}
        >
          <Trans>Log out</Trans>
        </Button>
      )}
    </Group>
  )
}
