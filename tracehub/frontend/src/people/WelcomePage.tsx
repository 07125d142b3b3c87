import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Paper, Skeleton, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'

import { useLogIn } from '../api/login'
import { link, useLink } from '../api/people'
import { ApiError, fieldErrors } from '../api/problem'
import type { LinkKind } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { Frame } from '../layout/Frame'
import { Loading } from '../layout/Loading'
import { Notice } from '../layout/Notice'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PageTitle } from '../layout/PageTitle'
import { NewPassword } from './NewPassword'
import { labelOfRole } from './roles'

/** Where an invitation leads, a sign-up, and a link for another password. What is behind the # stays in the browser. */
export function WelcomePage() {
  const { t } = useLingui()
  const [token] = useState(() => window.location.hash.slice(1))
  const { data, error, refetch } = useQuery(link(token))
  return (
    <Frame>
      <PageTitle>{t`Welcome`}</PageTitle>
      {data ? (
        <Choose token={token} kind={data} />
      ) : error && !isGone(error) ? (
        <ProblemAlert error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
      ) : error ? (
        <Paper>
          <Notice
            title={t`This link is not good any more`}
            action={
              <Button component={Link} to="/login" variant="default">
                <Trans>Log in</Trans>
              </Button>
            }
          >
            <Trans>
              It was used already, has expired, or was taken back. Please ask whoever sent it for
              another one.
            </Trans>
          </Notice>
        </Paper>
      ) : (
        <Loading label={t`Loading the link`}>
          <Skeleton height={34} width={260} />
          <Skeleton height={280} maw={480} radius="lg" />
        </Loading>
      )}
    </Frame>
  )
}

function Choose({
  token,
  kind: { kind, organisation, email, role },
}: {
  token: string
  kind: LinkKind
}) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const use = useLink()
  const logIn = useLogIn()
  const atMostOnce = useOneAtATime()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const isFirst = kind === 'sign_up'
  const isNew = isFirst || kind === 'invitation'
  const errors = fieldErrors(use.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) =>
      use.mutate(
        { token, password, name: isNew ? name : undefined },
        {
          onSuccess: () =>
            logIn.mutate(
              { email, password },
              {
                onSuccess: () => void navigate({ to: '/shipments' }),
                // The password is theirs already: the ordinary way in is open.
                onError: () => void navigate({ to: '/login' }),
              },
            ),
          onError: done,
        },
      ),
    )
  }

  return (
    <Stack maw={480} mx="auto" gap="lg">
      <div>
        <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
          {isNew ? t`Welcome to ${organisation}` : t`Choose a new password`}
        </Title>
        <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {isFirst
            ? t`You are the first, and its owner. You log in as ${email}.`
            : isNew
              ? t`You are invited as ${labelOfRole(role).toLowerCase()}. You log in as ${email}.`
              : t`For ${email}. Wherever you are logged in, you are logged out.`}
        </Text>
      </div>
      <Paper p="xl">
        <form onSubmit={submit}>
          <Stack>
            {use.error && !errors.name && !errors.password && <ProblemAlert error={use.error} />}
            {isNew && (
              <TextInput
                label={t`Your name`}
                description={t`As your colleagues know you`}
                autoComplete="name"
                required
                value={name}
                error={errors.name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
            )}
            <NewPassword
              label={t`Password`}
              value={password}
              error={errors.password}
              onChange={setPassword}
            />
            <Button type="submit" loading={use.isPending || use.isSuccess}>
              {isFirst ? t`Begin` : isNew ? t`Join` : t`Save the password`}
            </Button>
          </Stack>
        </form>
      </Paper>
    </Stack>
  )
}

function isGone(error: Error): boolean {
  // 422: the address came here cut.
  return error instanceof ApiError && [410, 422].includes(error.problem.status)
}
