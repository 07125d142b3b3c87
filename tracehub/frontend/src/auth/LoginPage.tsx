import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Anchor, Button, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useRouter, useSearch } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'

import { useLogIn, version } from '../api/login'
import { useOneAtATime } from '../api/useOneAtATime'
import { ProblemAlert } from '../layout/ProblemAlert'
import { AlertIcon } from '../layout/icons'
import { forget, recall, remember } from '../storage'
import { EmailInput } from './EmailInput'
import { FrontDoor } from './FrontDoor'
import { useDeparture } from './credentials'

/** Of this form's draft only the address is kept, and for this tab only: never a password. */
const TYPED_EMAIL = 'tracehub.draft.log-in'

export function LoginPage() {
  const { t } = useLingui()
  const { from = '/shipments' } = useSearch({ from: '/login' })
  const router = useRouter()
  const logIn = useLogIn()
  const atMostOnce = useOneAtATime()
  const [email, setEmail] = useState(() => recall('sessionStorage', TYPED_EMAIL) ?? '')
  const [password, setPassword] = useState('')

  function typeEmail(text: string) {
    setEmail(text)
    remember('sessionStorage', TYPED_EMAIL, text)
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) =>
      logIn.mutate(
        { email, password },
        {
          onSuccess: () => {
            forget('sessionStorage', TYPED_EMAIL)
            router.history.push(from)
          },
          onError: done,
        },
      ),
    )
  }

  return (
    <FrontDoor title={t`Log in`}>
      <Title order={1} size="h2">
        <Trans>Welcome back</Trans>
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        <Trans>Log in to follow your shipments.</Trans>
      </Text>
      <form onSubmit={submit}>
        <Stack>
          {logIn.error ? <ProblemAlert error={logIn.error} /> : <WhyLoggedOut />}
          <EmailInput value={email} onChange={typeEmail} />
          <PasswordInput
            label={t`Password`}
            autoComplete="current-password"
            required
            withAsterisk={false}
            size="md"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" size="md" mt="xs" loading={logIn.isPending || logIn.isSuccess}>
            <Trans>Log in</Trans>
          </Button>
          <Anchor component={Link} to="/forgotten" size="sm">
            <Trans>Forgot your password?</Trans>
          </Anchor>
          <SignUpLink />
        </Stack>
      </form>
    </FrontDoor>
  )
}

/** Where anybody may sign up. */
function SignUpLink() {
  const { data } = useQuery(version)
  return data?.signs_up ? (
    <Anchor component={Link} to="/sign-up" size="sm">
      <Trans>New here? Sign up</Trans>
    </Anchor>
  ) : null
}

function WhyLoggedOut() {
  const { t } = useLingui()
  const departure = useDeparture()
  if (departure === 'expired') {
    return (
      <Alert role="status" color="yellow" icon={<AlertIcon />} title={t`Your log-in has expired`}>
        <Trans>
          Please log in again. You will come back to where you were, with what you had typed.
        </Trans>
      </Alert>
    )
  }
  if (departure === 'logged-out-here-only') {
    return (
      <Alert role="status" color="yellow" icon={<AlertIcon />} title={t`You are logged out here`}>
        <Trans>
          TraceHub could not be told, and this browser still could act for you. Once you have a
          connection, log in and out again.
        </Trans>
      </Alert>
    )
  }
  return null
}
