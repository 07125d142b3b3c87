import { Trans } from '@lingui/react/macro'
import { Button, Paper, Stack, Text, Title } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useRef } from 'react'

import { history } from '../api/history'
import type { HistoryEntry } from '../api/types'
import { formatMoment } from '../dates'
import classes from './History.module.css'
import { sentence } from './sentence'

/** Who did what. Beside the shipment: while it can't be had, or there is none yet, the page goes without. */
export function History({ shipmentId }: { shipmentId: string }) {
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery(
    history(shipmentId),
  )
  const list = useRef<HTMLOListElement>(null)
  const entries = data?.pages.flatMap(({ items }) => items) ?? []
  if (entries.length === 0) return null

  async function showOlder() {
    await fetchNextPage()
    // The button may be gone, and the focus with it.
    list.current?.focus()
  }
  return (
    <Paper component="section" aria-labelledby="history" p="xl">
      <Title order={2} size="h5" id="history" mb="lg">
        <Trans>History</Trans>
      </Title>
      <ol ref={list} tabIndex={-1} aria-labelledby="history" className={classes.entries}>
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
      {hasNextPage && (
        <Button
          mt="md"
          size="xs"
          variant="default"
          loading={isFetchingNextPage}
          onClick={() => void showOlder()}
        >
          <Trans>Show older</Trans>
        </Button>
      )}
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
        {what === 'created' && (
          <Text size="sm">
            <Trans>Created the shipment</Trans>
          </Text>
        )}
        {changes.map((change) => (
          <Text key={change.field} size="sm">
            {sentence(change)}
          </Text>
        ))}
      </Stack>
    </li>
  )
}
