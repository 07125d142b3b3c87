import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, NativeSelect, Paper, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'

import { invitations, useInvite, useWithdraw } from '../api/people'
import { ApiError, explain, fieldErrors } from '../api/problem'
import type { Role } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { formatMoment } from '../dates'
import { ProblemAlert } from '../layout/ProblemAlert'
import { MailNote } from './MailNote'
import type { Shown } from './PeoplePage'
import { choicesBelow, isAbove, labelOfRole, whatMayDo } from './roles'

type Props = { mine: Role; onLink: (shown: Shown) => void }

export function Invitations({ mine, onLink }: Props) {
  const { t } = useLingui()
  const { data } = useQuery(invitations)
  const withdraw = useWithdraw()
  return (
    <Paper component="section" aria-labelledby="invite" p="xl">
      <Title order={2} size="h5" id="invite" mb="lg">
        <Trans>Invite somebody</Trans>
      </Title>
      <InviteForm mine={mine} onLink={onLink} />
      {withdraw.error && <ProblemAlert error={withdraw.error} />}
      {data && data.items.length > 0 && (
        <Stack component="ul" gap="xs" mt="xl" p={0} aria-label={t`Open invitations`}>
          {data.items.map(({ id, email, role, expires_at, mail }) => (
            <Group component="li" key={id} justify="space-between" gap="xs">
              <Text size="sm" style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
                {email}, {labelOfRole(role).toLowerCase()}{' '}
                <Text span size="sm" c="dimmed">
                  {t`until ${formatMoment(expires_at)}`}
                </Text>
                {mail && <MailNote state={mail} />}
              </Text>
              {isAbove(mine, role) && (
                <Button
                  size="xs"
                  variant="default"
                  aria-label={t`Withdraw the invitation of ${email}`}
                  onClick={() => withdraw.mutate(id)}
                >
                  <Trans>Withdraw</Trans>
                </Button>
              )}
            </Group>
          ))}
        </Stack>
      )}
    </Paper>
  )
}

function InviteForm({ mine, onLink }: Props) {
  const { t } = useLingui()
  const invite = useInvite()
  const atMostOnce = useOneAtATime()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Role>('member')
  const fieldError = refusedEmail(invite.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) =>
      invite.mutate(
        { email, role },
        {
          onSuccess: (made) => {
            onLink({ ...made, words: t`With this link ${email} joins you` })
            setEmail('')
          },
          onSettled: done,
        },
      ),
    )
  }

  return (
    <form onSubmit={submit}>
      <Stack>
        {invite.error && !fieldError && <ProblemAlert error={invite.error} />}
        <TextInput
          label={t`Email`}
          type="email"
          required
          value={email}
          error={fieldError}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <NativeSelect
          label={t`Role`}
          data={choicesBelow(mine)}
          description={whatMayDo(role)}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={invite.isPending}>
            <Trans>Make an invitation</Trans>
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function refusedEmail(error: Error | null): string | null {
  if (!(error instanceof ApiError)) return null
  if (error.problem.status === 409) return explain(error).title
  return fieldErrors(error).email ?? null
}
