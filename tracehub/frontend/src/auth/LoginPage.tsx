import { Alert, Button, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useRouter, useSearch } from '@tanstack/react-router'

import { useLogIn } from '../api/login'
import { Brand } from '../layout/Brand'
import { EnvironmentBadge } from '../layout/EnvironmentBadge'
import { ProblemAlert } from '../layout/ProblemAlert'
import { ReleaseNote } from '../layout/ReleaseNote'
import { AlertIcon } from '../layout/icons'
import { Harbour } from './Harbour'
import classes from './LoginPage.module.css'
import { credentials } from './credentials'

export function LoginPage() {
  const { from = '/shipments' } = useSearch({ from: '/login' })
  const router = useRouter()
  const logIn = useLogIn()
  const form = useForm({ initialValues: { email: '', password: '' } })

  const submit = form.onSubmit((values) =>
    logIn.mutate(values, { onSuccess: () => router.history.push(from) }),
  )

  return (
    <div className={classes.page}>
      <title>Log in · TraceHub</title>
      <Harbour />
      <main className={classes.panel}>
        <div className={classes.form}>
          <Group justify="space-between" mb={36}>
            <Brand size="xl" />
            <EnvironmentBadge />
          </Group>
          <Title order={1} size="h2">
            Welcome back
          </Title>
          <Text c="dimmed" mt={4} mb="lg">
            Log in to follow your shipments.
          </Text>
          <form onSubmit={submit}>
            <Stack>
              {logIn.error ? <ProblemAlert error={logIn.error} /> : <WhyLoggedOut />}
              <TextInput
                label="Email"
                type="email"
                autoComplete="username"
                required
                withAsterisk={false}
                size="md"
                {...form.getInputProps('email')}
              />
              <PasswordInput
                label="Password"
                autoComplete="current-password"
                required
                withAsterisk={false}
                size="md"
                {...form.getInputProps('password')}
              />
              <Button type="submit" size="md" mt="xs" loading={logIn.isPending}>
                Log in
              </Button>
            </Stack>
          </form>
        </div>
        <ReleaseNote />
      </main>
    </div>
  )
}

function WhyLoggedOut() {
  if (credentials.departure() !== 'expired') return null
  return (
    <Alert role="status" color="yellow" icon={<AlertIcon />} title="Your log-in has expired">
      Please log in again. You will come back to where you were.
    </Alert>
  )
}
