import { Stack, Text, Title } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'

import { useCreateShipment } from '../api/shipments'
import { BackToList } from './BackToList'
import { ShipmentForm } from './ShipmentForm'

export function NewShipmentPage() {
  const navigate = useNavigate()
  const create = useCreateShipment()

  return (
    <Stack maw={760} mx="auto" gap="lg">
      <title>New shipment · TraceHub</title>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          New shipment
        </Title>
        <Text c="dimmed">Start with what you know. The rest can follow.</Text>
      </div>
      <ShipmentForm
        busy={create.isPending}
        error={create.error}
        onSubmit={(shipment, onError) =>
          create.mutate(shipment, {
            onSuccess: ({ id }) => void navigate({ to: '/shipments/$id', params: { id } }),
            onError,
          })
        }
      />
    </Stack>
  )
}
