import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'

import { partnerList, useCreatePartner } from '../api/partners'
import type { NewPartner, Partner, PartnerKind } from '../api/types'
import { useOneAtATime } from '../api/useOneAtATime'
import { randomKey } from '../drafts/drafts'
import { PlusIcon } from '../layout/icons'
import { Offered } from '../layout/Offered'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PartForm } from '../parts/PartForm'
import { partnerFields } from './fields'
import { kindChoices, labelOfKind } from './kinds'

type Props = {
  /** Who can't be picked again. */
  without: string[]
  busy: boolean
  onPick: (id: string) => void
  onCancel: () => void
}

/** Finds a partner as one types, and makes a new one where there is none. */
export function PartnerPicker({ without, busy, onPick, onCancel }: Props) {
  const { t } = useLingui()
  const [kind, setKind] = useState<PartnerKind>('buyer')
  const [typed, setTyped] = useState('')
  const [isNew, setIsNew] = useState(false)
  const [search] = useDebouncedValue(typed.trim(), 200)
  const { data, error, refetch } = useInfiniteQuery(partnerList(search, kind))
  const name = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (!isNew) name.current?.focus()
  }, [isNew])

  if (isNew) {
    const cancel = () => setIsNew(false)
    return <NewOne kind={kind} name={typed.trim()} busy={busy} onMade={onPick} onCancel={cancel} />
  }
  const found = data?.pages.flatMap((page) => page.items).filter((it) => !without.includes(it.id))
  const words = labelOfKind(kind).toLowerCase()
  return (
    <Stack gap="sm" role="group" aria-label={t`Add a partner`}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <NativeSelect
          label={t`Kind`}
          data={kindChoices()}
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value as PartnerKind)}
        />
        <TextInput
          ref={name}
          label={t`Name`}
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </SimpleGrid>
      {error && <ProblemAlert error={error} onRetry={() => void refetch()} />}
      {found && (
        <Offered label={t`Found`} offers={found.map(offerOf)} busy={busy} onPick={onPick} />
      )}
      <Text role="status" size="sm" c="dimmed">
        {found?.length === 0 && t`Nobody of this kind is called so yet.`}
      </Text>
      <Group justify="space-between" gap="xs">
        <Button
          size="xs"
          variant="light"
          leftSection={<PlusIcon size={14} />}
          onClick={() => setIsNew(true)}
        >
          {t`New partner: ${words}`}
        </Button>
        <Button size="xs" variant="default" onClick={onCancel}>
          <Trans>Cancel</Trans>
        </Button>
      </Group>
    </Stack>
  )
}

function offerOf({ id, name, country }: Partner) {
  return { key: id, text: [name, country].filter(Boolean).join(' · ') }
}

type NewOneProps = {
  kind: PartnerKind
  name: string
  busy: boolean
  onMade: (id: string) => void
  onCancel: () => void
}

function NewOne({ kind, name, busy, onMade, onCancel }: NewOneProps) {
  const { t } = useLingui()
  const create = useCreatePartner()
  const atMostOnce = useOneAtATime()
  const sending = useRef({ body: '', key: '' })
  const words = labelOfKind(kind).toLowerCase()

  function send(fields: NewPartner) {
    const body = { ...fields, kind }
    const text = JSON.stringify(body)
    if (sending.current.body !== text) sending.current = { body: text, key: randomKey() }
    const { key } = sending.current
    atMostOnce((done) =>
      create.mutate({ body, key }, { onSuccess: ({ id }) => onMade(id), onSettled: done }),
    )
  }
  return (
    <PartForm
      name={t`New partner: ${words}`}
      fields={partnerFields()}
      initial={{ name }}
      submitLabel={t`Add a partner`}
      busy={busy || create.isPending}
      error={create.error}
      onSubmit={send}
      onCancel={onCancel}
    />
  )
}
