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
import { BackToList } from '../shipments/BackToList'
import { NewPassword } from './NewPassword'

/** What somebody changes of themselves. */
export function AccountPage() {
  const login = useLogin()
  return (
    <Stack maw={560} mx="auto" gap="lg">
      <title>Your account · TraceHub</title>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          Your account
        </Title>
        <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          You log in as {login?.user.email}.
        </Text>
      </div>
      <NameForm />
      <PasswordForm />
    </Stack>
  )
}

function NameForm() {
  const login = useLogin()
  const change = useChangeName()
  const [name, setName] = useState(login?.user.name ?? '')
  const { name: wrong } = fieldErrors(change.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    change.mutate({ name })
  }

  return (
    <Section title="Name" onSubmit={submit} error={wrong ? null : change.error}>
      {change.isSuccess && <Done>Your name is saved.</Done>}
      <TextInput
        label="Your name"
        description="As your colleagues see it, in the history too"
        autoComplete="name"
        required
        value={name}
        error={wrong}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Group justify="flex-end">
        <Button type="submit" loading={change.isPending}>
          Save the name
        </Button>
      </Group>
    </Section>
  )
}

function PasswordForm() {
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
      title="Password"
      onSubmit={submit}
      error={wrong.current || wrong.new ? null : change.error}
    >
      {change.isSuccess && (
        <Done>Your password is changed. You are logged out everywhere else.</Done>
      )}
      {/* For programs that keep passwords. */}
      <input type="text" autoComplete="username" value={login?.user.email ?? ''} readOnly hidden />
      <PasswordInput
        label="Password until now"
        autoComplete="current-password"
        required
        value={current}
        error={wrong.current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <NewPassword label="New password" value={next} error={wrong.new} onChange={setNext} />
      <Group justify="flex-end">
        <Button type="submit" loading={change.isPending}>
          Change the password
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
