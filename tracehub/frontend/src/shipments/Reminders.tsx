import { Alert } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { reminders } from '../api/reminders'
import type { Reminder } from '../api/types'
import { AlertIcon } from '../layout/icons'
import { formatDay } from '../dates'

/** Days that passed in vain. A hint beside the shipment: while none can be had, the page goes without. */
export function Reminders({ shipmentId }: { shipmentId: string }) {
  const { data } = useQuery(reminders(shipmentId))
  return data?.items.map((reminder) => (
    <Alert
      key={`${reminder.kind} ${reminder.due_on}`}
      role="status"
      color="orange"
      variant="light"
      icon={<AlertIcon />}
      title={titleOf(reminder)}
    >
      Nobody had reported it by {formatDay(reminder.created_at)}.
    </Alert>
  ))
}

function titleOf({ kind, due_on }: Reminder): string {
  const was = kind === 'departure_overdue' ? 'Was to depart on' : 'Was to arrive on'
  return `${was} ${formatDay(due_on)}`
}
