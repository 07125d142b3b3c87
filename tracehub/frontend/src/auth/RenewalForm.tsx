import { plural } from '@lingui/core/macro'
import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Button, Group, PasswordInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'

import { useLogIn } from '../api/login'
import { useOneAtATime } from '../api/useOneAtATime'
import { ProblemAlert } from '../layout/ProblemAlert'
import { AlertIcon } from '../layout/icons'

type Props = { email: string; minutes: number }

/** Stands above the page, which stays as it is: the password once more, and one goes on. */
export default function RenewalForm({ email, minutes }: Props) {
  const { t } = useLingui()
  const logIn = useLogIn()
  const atMostOnce = useOneAtATime()
  const [password, setPassword] = useState('')

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) => logIn.mutate({ email, password }, { onSettled: done }))
  }

  return (
    <Alert
      role="region"
      aria-live="polite"
      mb="lg"
      color="yellow"
      icon={<AlertIcon />}
      title={plural(minutes, {
        one: 'Your log-in ends in a minute',
        other: 'Your log-in ends in # minutes',
      })}
    >
      <Trans>What you have typed is kept. To stay logged in, give your password once more.</Trans>
      <form onSubmit={submit}>
        <Group mt="sm" align="flex-end">
          <input type="hidden" name="email" autoComplete="username" value={email} />
          <PasswordInput
            label={t`Password of ${email}`}
            autoComplete="current-password"
            required
            withAsterisk={false}
            miw={220}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" loading={logIn.isPending}>
            <Trans>Stay logged in</Trans>
          </Button>
        </Group>
      </form>
      {logIn.error && <ProblemAlert error={logIn.error} />}
    </Alert>
  )
}
