import { Trans, useLingui } from '@lingui/react/macro'
import { Paper, SimpleGrid, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

import type { Shipment } from '../api/types'
import classes from './Facts.module.css'
import { formatDay } from '../dates'
import { labelOfField, labelOfIncoterm } from './words'

/** What is shown once it is known. */
const MORE = ['buyer', 'bill_of_lading', 'booking', 'vessel', 'voyage'] as const

export function Facts({ shipment }: { shipment: Shipment }) {
  const { t } = useLingui()
  return (
    <Paper component="section" aria-labelledby="details" p="xl">
      <Title order={2} size="h5" id="details" mb="lg">
        <Trans>Details</Trans>
      </Title>
      <SimpleGrid component="dl" m={0} cols={{ base: 1, xs: 2, md: 4 }} spacing="lg">
        <Fact name={labelOfField('reference')}>{shipment.reference}</Fact>
        <Fact name={labelOfField('product')}>{shipment.product}</Fact>
        <Fact name={t`Container`}>{shipment.container_number ?? t`Not assigned yet`}</Fact>
        {MORE.map(
          (field) =>
            shipment[field] && (
              <Fact key={field} name={labelOfField(field)}>
                {shipment[field]}
              </Fact>
            ),
        )}
        {shipment.incoterm && (
          <Fact name={labelOfField('incoterm')}>
            {/* A later release may know more of them. */}
            {[shipment.incoterm, labelOfIncoterm(shipment.incoterm)].filter(Boolean).join(' · ')}
          </Fact>
        )}
        <Fact name={t`Created`}>{formatDay(shipment.created_at)}</Fact>
      </SimpleGrid>
    </Paper>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <dd className={classes.value}>{children}</dd>
    </div>
  )
}
