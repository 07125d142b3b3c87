import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Anchor, Button, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'

import { useForgotten } from '../api/login'
import { fieldErrors } from '../api/problem'
import { useOneAtATime } from '../api/useOneAtATime'
import { ProblemAlert } from '../layout/ProblemAlert'
import { EmailInput } from './EmailInput'
import { FrontDoor } from './FrontDoor'

/** For who has forgotten their password. Whether anybody has the address, the answer does not say. */
export function ForgottenPage() {
  const { t } = useLingui()
  const forgotten = useForgotten()
  const atMostOnce = useOneAtATime()
  const [email, setEmail] = useState('')
  const errors = fieldErrors(forgotten.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) => forgotten.mutate(email, { onSettled: done }))
  }

  return (
    <FrontDoor title={t`Forgotten password`}>
      <Title order={1} size="h2">
        <Trans>Choose a new password</Trans>
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        <Trans>We send you a link by mail with which you choose another one.</Trans>
      </Text>
      <form onSubmit={submit}>
        <Stack>
          {forgotten.error && !errors.email && <ProblemAlert error={forgotten.error} />}
          {forgotten.isSuccess && (
            <Alert role="status" color="harbour" variant="light" title={t`Look into your mailbox`}>
              <Trans>
                If somebody has the address {forgotten.variables}, a mail is on its way. The link in
                it works once, for an hour. It may take some minutes; look among the unwanted mails,
                too.
              </Trans>
            </Alert>
          )}
          <EmailInput value={email} error={errors.email} onChange={setEmail} />
          <Button type="submit" size="md" mt="xs" loading={forgotten.isPending}>
            <Trans>Send me the link</Trans>
          </Button>
          <Anchor component={Link} to="/login" size="sm">
            <Trans>Back to the log-in</Trans>
          </Anchor>
        </Stack>
      </form>
    </FrontDoor>
  )
}
