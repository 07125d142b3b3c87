import { Button, Center, Paper, Skeleton, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'

import { shipmentList } from '../api/shipments'
import { Notice } from '../layout/Notice'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PlusIcon } from '../layout/icons'
import { ShipmentCards } from './ShipmentCards'
import { ShipmentTable } from './ShipmentTable'

export function ShipmentList({ search }: { search: string }) {
  const isPhone = useMediaQuery('(max-width: 48em)', undefined, { getInitialValueInEffect: false })
  const list = useInfiniteQuery(shipmentList(search))

  if (list.isPending) return <Loading />
  if (list.isError && !list.data) {
    return <ProblemAlert error={list.error} onRetry={() => void list.refetch()} />
  }

  const shipments = list.data.pages.flatMap((page) => page.items)
  if (shipments.length === 0) return search ? <NothingFound search={search} /> : <NothingYet />

  const View = isPhone ? ShipmentCards : ShipmentTable
  return (
    <Stack aria-busy={list.isPlaceholderData} opacity={list.isPlaceholderData ? 0.6 : 1}>
      {list.isError && <ProblemAlert error={list.error} onRetry={() => void list.refetch()} />}
      <View shipments={shipments} />
      {list.hasNextPage && (
        <Center>
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            Show more
          </Button>
        </Center>
      )}
    </Stack>
  )
}

function Loading() {
  return (
    <Paper p="lg" role="status" aria-label="Loading shipments">
      <Stack gap="md">
        {[90, 70, 84, 62, 76].map((width) => (
          <Skeleton key={width} height={22} width={`${width}%`} radius="sm" />
        ))}
      </Stack>
    </Paper>
  )
}

function NothingYet() {
  return (
    <Paper>
      <Notice
        order={2}
        title="No shipments yet"
        action={
          <Button component={Link} to="/shipments/new" leftSection={<PlusIcon />}>
            Create your first shipment
          </Button>
        }
      >
        Once you create one, its container, dates and journey stand here.
      </Notice>
    </Paper>
  )
}

function NothingFound({ search }: { search: string }) {
  return (
    <Paper>
      <Notice order={2} title="Nothing found">
        No shipment matches{' '}
        <Text span fw={600} c="var(--mantine-color-text)">
          {search}
        </Text>
        . Perhaps a part of the reference or the port finds it.
      </Notice>
    </Paper>
  )
}
