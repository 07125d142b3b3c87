import { Trans, useLingui } from '@lingui/react/macro'
import {
  Alert,
  Button,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useState, type FormEvent, type ReactNode } from 'react'

import { useChangeName, useChangePassword } from '../api/account'
import { fieldErrors } from '../api/problem'
import { useLogin } from '../auth/credentials'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PageTitle } from '../layout/PageTitle'
import { BackToList } from '../shipments/BackToList'
import { NewPassword } from './NewPassword'
import { SessionList } from './SessionList'

/** What somebody changes of themselves. */
export function AccountPage() {
  const { t } = useLingui()
  const email = useLogin()?.user.email
  return (
    <Stack maw={560} mx="auto" gap="lg">
      <PageTitle>{t`Your account`}</PageTitle>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          <Trans>Your account</Trans>
        </Title>
        <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          <Trans>You log in as {email}.</Trans>
        </Text>
      </div>
      <NameForm />
      <PasswordForm />
      <SessionList />
    </Stack>
  )
}

function NameForm() {
  const { t } = useLingui()
  const login = useLogin()
  const change = useChangeName()
  const [name, setName] = useState(login?.user.name ?? '')
  const { name: wrong } = fieldErrors(change.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    change.mutate({ name })
  }

  return (
    <Section title={t`Name`} onSubmit={submit} error={wrong ? null : change.error}>
      {change.isSuccess && <Done>{t`Your name is saved.`}</Done>}
      <TextInput
        label={t`Your name`}
        description={t`As your colleagues see it, in the history too`}
        autoComplete="name"
        required
        value={name}
        error={wrong}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Group justify="flex-end">
        <Button type="submit" loading={change.isPending}>
          <Trans>Save the name</Trans>
        </Button>
      </Group>
    </Section>
  )
}

function PasswordForm() {
  const { t } = useLingui()
  const login = useLogin()
  const change = useChangePassword()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const wrong = fieldErrors(change.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    change.mutate(
      { current, new: next },
      {
        onSuccess: () => {
          setCurrent('')
          setNext('')
        },
      },
    )
  }

  return (
    <Section
      title={t`Password`}
      onSubmit={submit}
      error={wrong.current || wrong.new ? null : change.error}
    >
      {change.isSuccess && (
        <Done>{t`Your password is changed. You are logged out everywhere else.`}</Done>
      )}
      {/* For programs that keep passwords. */}
      <input type="text" autoComplete="username" value={login?.user.email ?? ''} readOnly hidden />
      <PasswordInput
        label={t`Password until now`}
        autoComplete="current-password"
        required
        value={current}
        error={wrong.current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <NewPassword label={t`New password`} value={next} error={wrong.new} onChange={setNext} />
      <Group justify="flex-end">
        <Button type="submit" loading={change.isPending}>
          <Trans>Change the password</Trans>
        </Button>
      </Group>
    </Section>
  )
}

type SectionProps = {
  title: string
  error: Error | null
  onSubmit: (event: FormEvent) => void
  children: ReactNode
}

function Section({ title, error, onSubmit, children }: SectionProps) {
  return (
    <Paper p="xl">
      <form onSubmit={onSubmit} aria-label={title}>
        <Stack>
          <Title order={2} size="h5">
            {title}
          </Title>
          {error && <ProblemAlert error={error} />}
          {children}
        </Stack>
      </form>
    </Paper>
  )
}

function Done({ children }: { children: ReactNode }) {
  return (
    <Alert role="status" color="green" variant="light">
      {children}
    </Alert>
  )
}
