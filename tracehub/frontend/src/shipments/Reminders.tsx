import { t } from '@lingui/core/macro'
import { Alert } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { reminders } from '../api/reminders'
import type { Reminder, Shipment } from '../api/types'
import { AlertIcon } from '../layout/icons'
import { formatDay } from '../dates'
import { positionOf, stageOf } from './stages'

/** Days that passed in vain. A hint beside the shipment: while none can be had, the page goes without. */
export function Reminders({ shipment }: { shipment: Shipment }) {
  const { data } = useQuery(reminders(shipment.id))
  const open = data?.items.filter((reminder) => isOpen(reminder, shipment))
  return open?.map((reminder) => (
    <Alert
      key={`${reminder.kind} ${reminder.due_on}`}
      role="status"
      color="orange"
      variant="light"
      icon={<AlertIcon />}
      title={titleOf(reminder)}
    >
      {t`Nobody had reported it by ${formatDay(reminder.created_at)}.`}
    </Alert>
  ))
}

/** What has happened since, or was put off to another day, nobody needs to be reminded of. */
function isOpen({ kind, due_on }: Reminder, shipment: Shipment): boolean {
  const position = positionOf(stageOf(shipment))
  return kind === 'departure_overdue'
    ? due_on === shipment.departs_on && position < positionOf('in_transit')
    : due_on === shipment.arrives_on && position < positionOf('arrived')
}

function titleOf({ kind, due_on }: Reminder): string {
  const day = formatDay(due_on)
  return kind === 'departure_overdue' ? t`Was to depart on ${day}` : t`Was to arrive on ${day}`
}
