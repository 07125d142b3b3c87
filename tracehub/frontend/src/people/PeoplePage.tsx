import { Trans, useLingui } from '@lingui/react/macro'
import { Badge, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { people } from '../api/people'
import type { Role } from '../api/types'
import { useLogin } from '../auth/credentials'
import { Loading } from '../layout/Loading'
import { ProblemAlert } from '../layout/ProblemAlert'
import { formatMoment } from '../dates'
import { LinkToCopy } from '../layout/LinkToCopy'
import { PageTitle } from '../layout/PageTitle'
import { BackToList } from '../shipments/BackToList'
import { Invitations } from './Invitations'
import classes from './PeoplePage.module.css'
import { PersonActions } from './PersonActions'
import { labelOfRole, mayDo } from './roles'

/** A link that was made just now, and for whom. */
export type Shown = { path: string; expires_at: string; words: string; is_mailed: boolean }

export function PeoplePage() {
  const { t } = useLingui()
  const login = useLogin()
  const organisation = login?.organisation.name
  const { data, error, refetch } = useQuery(people)
  const [shown, setShown] = useState<Shown | null>(null)
  const until = shown && formatMoment(shown.expires_at)
  // As it is by now: somebody may have changed it since the log-in.
  const me = data?.items.find(({ id }) => id === login?.user.id)
  const role: Role = me?.role ?? 'viewer'

  return (
    <Stack gap="lg">
      <PageTitle>{t`People`}</PageTitle>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          <Trans>People</Trans>
        </Title>
        <Text c="dimmed">
          <Trans>Who sees the shipments of {organisation}, and who may do what.</Trans>
        </Text>
      </div>
      {shown && (
        <LinkToCopy title={shown.words} path={shown.path} onDone={() => setShown(null)}>
          {shown.is_mailed ? (
            <Trans>
              It is sent by mail, and you may send it yourself, by WhatsApp. It works once, until{' '}
              {until}, for whoever has it; it is not shown again.
            </Trans>
          ) : (
            <Trans>
              Send it yourself, by WhatsApp or mail. It works once, until {until}, for whoever has
              it; it is not shown again.
            </Trans>
          )}
        </LinkToCopy>
      )}
      {data ? (
        <ul className={classes.people} aria-label={t`People`}>
          {data.items.map((person) => (
            <Paper component="li" key={person.id} p="md">
              <Group justify="space-between" gap="sm">
                <div className={classes.who}>
                  <Text fw={600}>{person.name}</Text>
                  <Text size="sm" c="dimmed">
                    {person.email}
                  </Text>
                </div>
                <Group gap="xs">
                  {person.is_suspended && (
                    <Badge color="red" variant="light" radius="sm" tt="none">
                      <Trans>Suspended</Trans>
                    </Badge>
                  )}
                  <Badge color="gray" variant="light" radius="sm" tt="none">
                    {labelOfRole(person.role)}
                  </Badge>
                </Group>
              </Group>
              <PersonActions
                person={person}
                mine={role}
                isMe={person.id === login?.user.id}
                onLink={setShown}
              />
            </Paper>
          ))}
        </ul>
      ) : error ? (
        <ProblemAlert error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
      ) : (
        <Loading label={t`Loading the people`}>
          <Skeleton height={96} radius="lg" />
          <Skeleton height={96} radius="lg" />
        </Loading>
      )}
      {mayDo(role, 'manager') && <Invitations mine={role} onLink={setShown} />}
    </Stack>
  )
}
