import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'

import { ApiError } from '../api/problem'
import { shipment } from '../api/shipments'
import type { Shipment } from '../api/types'
import { useLogin } from '../auth/credentials'
import { Loading } from '../layout/Loading'
import { Notice } from '../layout/Notice'
import { ProblemAlert } from '../layout/ProblemAlert'
import { ButtonLink } from '../layout/links'
import { PageTitle } from '../layout/PageTitle'
import { Papers } from '../papers/Papers'
import { mayDo } from '../people/roles'
import { BackToList } from './BackToList'
import { Containers } from './Containers'
import { CopyShipment } from './CopyShipment'
import { Facts } from './Facts'
import { Journey } from './Journey'
import { History } from './History'
import { Items } from './Items'
import { Partners } from './Partners'
import { Reminders } from './Reminders'
import { StageBadge } from './StageBadge'
import { stageOf } from './stages'

export function ShipmentPage() {
  const { t } = useLingui()
  const { id } = useParams({ from: '/logged-in/shipments/$id' })
  const { data, error, refetch } = useQuery(shipment(id))

  return (
    <>
      <PageTitle>{data?.reference ?? t`Shipment`}</PageTitle>
      <BackToList />
      {data ? (
        <Details shipment={data} />
      ) : error ? (
        <Missing error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
      ) : (
        <Outline />
      )}
    </>
  )
}

function Details({ shipment }: { shipment: Shipment }) {
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  const [isCopying, setIsCopying] = useState(false)
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap="sm">
            <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
              {shipment.reference}
            </Title>
            <StageBadge stage={stageOf(shipment)} size="lg" />
          </Group>
          <Text c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {shipment.product}
          </Text>
        </div>
        {shipment.version !== undefined && mayWrite && (
          <Group gap="xs">
            <Button variant="default" onClick={() => setIsCopying(true)}>
              <Trans>Copy</Trans>
            </Button>
            <ButtonLink to="/shipments/$id/edit" params={{ id: shipment.id }} variant="default">
              <Trans>Edit</Trans>
            </ButtonLink>
          </Group>
        )}
      </Group>
      {isCopying && <CopyShipment id={shipment.id} onCancel={() => setIsCopying(false)} />}
      <Reminders shipment={shipment} />
      <Journey shipment={shipment} />
      <Facts shipment={shipment} />
      <Partners shipmentId={shipment.id} mayWrite={mayWrite} />
      <Containers shipmentId={shipment.id} mayWrite={mayWrite} />
      <Items shipmentId={shipment.id} mayWrite={mayWrite} />
      <Papers shipmentId={shipment.id} reference={shipment.reference} />
      <History shipmentId={shipment.id} />
    </Stack>
  )
}

export function Missing({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useLingui()
  if (!(error instanceof ApiError && error.problem.status === 404)) {
    return <ProblemAlert error={error} onRetry={onRetry} />
  }
  return (
    <Paper>
      <Notice
        title={t`There is no such shipment`}
        action={
          <Button
            component={Link}
            to="/shipments"
            activeOptions={{ exact: true }}
            variant="default"
          >
            <Trans>See all shipments</Trans>
          </Button>
        }
      >
        <Trans>It may have been removed, or belong to another organisation.</Trans>
      </Notice>
    </Paper>
  )
}

export function Outline() {
  const { t } = useLingui()
  return (
    <Loading label={t`Loading the shipment`}>
      <Skeleton height={34} width={260} />
      <Skeleton height={220} radius="lg" />
      <Skeleton height={140} radius="lg" />
    </Loading>
  )
}
