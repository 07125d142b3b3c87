import { useLingui } from '@lingui/react/macro'
import { Paper } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'

import { useCopyShipment } from '../api/shipments'
import { useOneAtATime } from '../api/useOneAtATime'
import { randomKey } from '../drafts/drafts'
import { PartForm } from '../parts/PartForm'

/** Asks what the copy is to be called, and goes there. */
export function CopyShipment({ id, onCancel }: { id: string; onCancel: () => void }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const copy = useCopyShipment()
  const atMostOnce = useOneAtATime()
  const sending = useRef({ reference: '', key: '' })

  function send({ reference }: { reference: string }) {
    if (sending.current.reference !== reference) sending.current = { reference, key: randomKey() }
    const { key } = sending.current
    atMostOnce((done) =>
      copy.mutate(
        { id, reference, key },
        {
          onSuccess: (made) =>
            void navigate({ to: '/shipments/$id', params: { id: made.id } }).then(onCancel),
          onSettled: done,
        },
      ),
    )
  }
  return (
    <Paper p="xl">
      <PartForm<{ reference: string }>
        name={t`Copy the shipment`}
        fields={[
          {
            name: 'reference',
            label: t`Reference of the copy`,
            description: t`Goods, ports and partners come along; days, containers and papers do not`,
            required: true,
            wide: true,
          },
        ]}
        initial={{}}
        submitLabel={t`Make the copy`}
        busy={copy.isPending}
        error={copy.error}
        onSubmit={send}
        onCancel={onCancel}
      />
    </Paper>
  )
}
