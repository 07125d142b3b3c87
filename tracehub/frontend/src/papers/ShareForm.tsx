import { t } from '@lingui/core/macro'
import {
  Button,
  Checkbox,
  Group,
  NativeSelect,
  PasswordInput,
  Stack,
  TextInput,
} from '@mantine/core'
import { useState, type FormEvent } from 'react'

import { fieldErrors } from '../api/problem'
import { useShare } from '../api/shares'
import type { NewShare, Paper } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { LANGUAGES } from '../language/choice'
import { ProblemAlert } from '../layout/ProblemAlert'
import { labelOfKind } from './kinds'

/** A link that was made just now, and to whom it was to be mailed. */
export type Made = { path: string; is_mailed: boolean; to: string }

type Props = { shipmentId: string; papers: Paper[]; onMade: (made: Made) => void }

/** Which papers, for whom, and for how long. */
export function ShareForm({ shipmentId, papers, onMade }: Props) {
  const [isOpen, setIsOpen] = useState(false)
  const [without, setWithout] = useState<string[]>([])
  const [buyer, setBuyer] = useState('')
  const [email, setEmail] = useState('')
  const [language, setLanguage] = useState<NewShare['language']>('en')
  const [days, setDays] = useState('30')
  const [passcode, setPasscode] = useState('')
  const share = useShare(shipmentId)
  const atMostOnce = useOneAtATime()
  const chosen = papers.filter(({ id }) => !without.includes(id)).map(({ id }) => id)
  const errors = fieldErrors(share.error)

  if (!isOpen) {
    return (
      <Button mt="md" variant="light" onClick={() => setIsOpen(true)}>
        {t`Make a link for the buyer`}
      </Button>
    )
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    const body = {
      buyer: buyer.trim() || null,
      language,
      papers: chosen,
      days: Number(days),
      passcode: passcode || null,
      ...(email && { email }),
    }
    atMostOnce((done) =>
      share.mutate(body, {
        onSuccess: (made) => {
          onMade({ ...made, to: email })
          setEmail('')
          setIsOpen(false)
          setPasscode('')
        },
        onSettled: done,
      }),
    )
  }

  return (
    <form onSubmit={submit}>
      <Stack mt="md" gap="md">
        {share.error && Object.keys(errors).length === 0 && <ProblemAlert error={share.error} />}
        <Checkbox.Group
          label={t`Papers that it shows`}
          value={chosen}
          error={errors.papers}
          onChange={(ids) =>
            setWithout(papers.map(({ id }) => id).filter((id) => !ids.includes(id)))
          }
        >
          <Stack gap="xs" mt="xs">
            {papers.map(({ id, kind, versions }) => (
              <Checkbox
                key={id}
                value={id}
                label={`${labelOfKind(kind)} (${versions[0]?.name ?? ''})`}
                styles={{ label: { overflowWrap: 'anywhere' } }}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <TextInput
          label={t`For whom, if you like`}
          maxLength={200}
          value={buyer}
          error={errors.buyer}
          onChange={(event) => setBuyer(event.currentTarget.value)}
        />
        <TextInput
          label={t`Their email, to send it by mail`}
          description={t`You can also copy the link, or send it by WhatsApp.`}
          type="email"
          maxLength={254}
          value={email}
          error={errors.email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Group grow preventGrowOverflow={false} align="flex-start">
          <NativeSelect
            label={t`Language of the page`}
            data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
            value={language}
            onChange={(event) => setLanguage(event.currentTarget.value as NewShare['language'])}
          />
          <NativeSelect
            label={t`Good for`}
            data={[
              { value: '7', label: t`a week` },
              { value: '30', label: t`a month` },
              { value: '90', label: t`three months` },
              { value: '365', label: t`a year` },
            ]}
            value={days}
            onChange={(event) => setDays(event.currentTarget.value)}
          />
        </Group>
        <PasswordInput
          label={t`Passcode, if you want one`}
          description={t`Six characters at least. Tell it by another way than the link.`}
          autoComplete="off"
          maxLength={128}
          value={passcode}
          error={errors.passcode}
          onChange={(event) => setPasscode(event.currentTarget.value)}
        />
        <Group gap="xs">
          <Button type="submit" loading={share.isPending} disabled={chosen.length === 0}>
            {t`Make the link`}
          </Button>
          <Button variant="default" onClick={() => setIsOpen(false)}>
            {t`Cancel`}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
