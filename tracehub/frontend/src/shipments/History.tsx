import { Paper, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { history } from '../api/history'
import type { HistoryChange, HistoryEntry } from '../api/types'
import { formatMoment } from '../dates'
import { shown } from './Conflict'
import { isField, LABELS } from './fields'
import classes from './History.module.css'
import { labelOf } from './stages'

/** Who did what. Beside the shipment: while it can't be had, or there is none yet, the page goes without. */
export function History({ shipmentId }: { shipmentId: string }) {
  const { data } = useQuery(history(shipmentId))
  if (!data?.items.length) return null
  return (
    <Paper component="section" aria-labelledby="history" p="xl">
      <Title order={2} size="h5" id="history" mb="lg">
        History
      </Title>
      <ol className={classes.entries}>
        {data.items.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
    </Paper>
  )
}

function Entry({ entry: { by, at, what, changes } }: { entry: HistoryEntry }) {
  return (
    <li>
      <Text size="sm">
        <b>{by.name}</b>{' '}
        <Text span c="dimmed" size="sm">
          {formatMoment(at)}
        </Text>
      </Text>
      <Stack gap={2}>
        {what === 'created' && <Text size="sm">Created the shipment</Text>}
        {changes.map((change) => (
          <Text key={change.field} size="sm">
            {sentence(change)}
          </Text>
        ))}
      </Stack>
    </li>
  )
}

function sentence({ field, before, after }: HistoryChange): string {
  if (field === 'stage') return `Moved it from ${labelOf(before ?? '')} to ${labelOf(after ?? '')}`
  // A later release may know more fields.
  if (!isField(field)) return `${field}: ${before ?? 'nothing'} → ${after ?? 'nothing'}`
  return `${LABELS[field]}: ${shown(field, before ?? null)} → ${shown(field, after ?? null)}`
}
