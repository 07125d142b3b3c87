import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Anchor, Button, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'

import { useSignUp } from '../api/login'
import { fieldErrors } from '../api/problem'
import type { OrganisationKind } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { ProblemAlert } from '../layout/ProblemAlert'
import { countryChoices } from '../partners/countries'
import { EmailInput } from './EmailInput'
import { FrontDoor } from './FrontDoor'

/** For who is new: nothing is made before the link is used that is mailed. */
export function SignUpPage() {
  const { t } = useLingui()
  const signUp = useSignUp()
  const atMostOnce = useOneAtATime()
  const [organisation, setOrganisation] = useState('')
  const [country, setCountry] = useState('')
  const [kind, setKind] = useState<OrganisationKind>('exporter')
  const [email, setEmail] = useState('')
  const errors = fieldErrors(signUp.error)

  function submit(event: FormEvent) {
    event.preventDefault()
    atMostOnce((done) => signUp.mutate({ organisation, country, kind, email }, { onSettled: done }))
  }

  return (
    <FrontDoor title={t`Sign up`}>
      <Title order={1} size="h2">
        <Trans>Bring your firm to TraceHub</Trans>
      </Title>
      <Text c="dimmed" mt={4} mb="lg">
        <Trans>We send you a link by mail; with it you choose your name and your password.</Trans>
      </Text>
      <form onSubmit={submit}>
        <Stack>
          {signUp.error && Object.keys(errors).length === 0 && (
            <ProblemAlert error={signUp.error} />
          )}
          {signUp.isSuccess && (
            <Alert role="status" color="harbour" variant="light" title={t`Look into your mailbox`}>
              <Trans>
                A mail is on its way to {signUp.variables.email}. The link in it works once, for a
                day. It may take some minutes; look among the unwanted mails, too.
              </Trans>
            </Alert>
          )}
          <TextInput
            label={t`Your firm`}
            autoComplete="organization"
            required
            withAsterisk={false}
            size="md"
            maxLength={200}
            value={organisation}
            error={errors.organisation}
            onChange={(event) => setOrganisation(event.currentTarget.value)}
          />
          <NativeSelect
            label={t`Country`}
            autoComplete="country"
            required
            withAsterisk={false}
            size="md"
            data={[{ value: '', label: '' }, ...countryChoices()]}
            value={country}
            error={errors.country}
            onChange={(event) => setCountry(event.currentTarget.value)}
          />
          <NativeSelect
            label={t`What it does`}
            size="md"
            data={[
              { value: 'exporter', label: t`Exports` },
              { value: 'importer', label: t`Imports` },
              { value: 'agent', label: t`Forwards, or acts as an agent` },
              { value: 'other', label: t`Something else` },
            ]}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value as OrganisationKind)}
          />
          <EmailInput value={email} error={errors.email} onChange={setEmail} />
          <Button type="submit" size="md" mt="xs" loading={signUp.isPending}>
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
