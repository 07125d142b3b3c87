import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Center, Paper, Skeleton, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useDeferredValue } from 'react'

import { shipmentList } from '../api/shipments'
import { Loading } from '../layout/Loading'
import { Notice } from '../layout/Notice'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PlusIcon } from '../layout/icons'
import { ShipmentCards } from './ShipmentCards'
import { ShipmentTable } from './ShipmentTable'
import { isNarrowed, type Wanted } from './wanted'

export function ShipmentList({ wanted }: { wanted: Wanted }) {
  const isNarrow = useMediaQuery('(max-width: 56em)', undefined, { getInitialValueInEffect: false })
  const list = useInfiniteQuery(shipmentList(wanted))

  // A second click, before the first is answered, asks no second time.
  const retry = () => void list.refetch({ cancelRefetch: false })
  const showMore = () => void list.fetchNextPage({ cancelRefetch: false })

  // To draw many shipments takes a phone a while: it happens between other things, and what is typed goes before.
  const data = useDeferredValue(list.data)

  if (list.isPending) return <Outline />
  if (list.isError && !list.data) {
    return <ProblemAlert error={list.error} onRetry={retry} />
  }

  if (!data) return <Outline />
  const shipments = data.pages.flatMap((page) => page.items)
  if (shipments.length === 0) {
    return isNarrowed(wanted) ? <NothingFound search={wanted.search} /> : <NothingYet />
  }

  const View = isNarrow ? ShipmentCards : ShipmentTable
  return (
    <Stack aria-busy={list.isPlaceholderData} opacity={list.isPlaceholderData ? 0.6 : 1}>
      {list.isError && <ProblemAlert error={list.error} onRetry={retry} />}
      <View shipments={shipments} />
      {list.hasNextPage && (
        <Center>
          <Button variant="default" loading={list.isFetchingNextPage} onClick={showMore}>
            <Trans>Show more</Trans>
          </Button>
        </Center>
      )}
    </Stack>
  )
}

function Outline() {
  const { t } = useLingui()
  return (
    // As tall as the screen, as the list will be: what stands below it does not jump.
    <Paper p="lg" mih="100dvh">
      <Loading label={t`Loading shipments`}>
        {[90, 70, 84, 62, 76].map((width) => (
          <Skeleton key={width} height={22} width={`${width}%`} radius="sm" />
        ))}
      </Loading>
    </Paper>
  )
}

function NothingYet() {
  const { t } = useLingui()
  return (
    <Paper>
      <Notice
        order={2}
        title={t`No shipments yet`}
        action={
          <Button component={Link} to="/shipments/new" leftSection={<PlusIcon />}>
            <Trans>Create your first shipment</Trans>
          </Button>
        }
      >
        <Trans>Once you create one, its container, dates and journey stand here.</Trans>
      </Notice>
    </Paper>
  )
}

function NothingFound({ search }: { search?: string }) {
  const { t } = useLingui()
  return (
    <Paper>
      <Notice order={2} title={t`Nothing found`}>
        {search ? (
          <Trans>
            No shipment matches{' '}
            <Text span fw={600} c="var(--mantine-color-text)" style={{ overflowWrap: 'anywhere' }}>
              {search}
            </Text>
            . Perhaps a part of the reference or the port finds it.
          </Trans>
        ) : (
          <Trans>No shipment is like that. Perhaps with fewer filters there are some.</Trans>
        )}
      </Notice>
    </Paper>
  )
}
