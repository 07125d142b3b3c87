import { Group, Paper, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'

import type { Shipment } from '../api/types'
import { Route } from './Route'
import classes from './ShipmentCards.module.css'
import { StatusBadge } from './StatusBadge'
import { formatDay } from './dates'

/** The list on a phone: one card a shipment. */
export function ShipmentCards({ shipments }: { shipments: Shipment[] }) {
  return (
    <Stack component="ul" gap="sm" m={0} p={0} aria-label="Shipments" className={classes.list}>
      {shipments.map((shipment) => (
        <li key={shipment.id}>
          <Card shipment={shipment} />
        </li>
      ))}
    </Stack>
  )
}

function Card({ shipment }: { shipment: Shipment }) {
  const { id, reference, product, status, origin_port, destination_port } = shipment
  return (
    <Link to="/shipments/$id" params={{ id }} className={classes.link}>
      <Paper p="md">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text fw={600} truncate className={classes.reference}>
            {reference}
          </Text>
          <StatusBadge status={status} />
        </Group>
        <Text size="sm" c="dimmed" mb="xs">
          {product}
        </Text>
        <Text component="div" size="sm">
          <Route from={origin_port} to={destination_port} />
        </Text>
        {shipment.arrives_on && (
          <Text size="sm" c="dimmed">
            Arrives {formatDay(shipment.arrives_on)}
          </Text>
        )}
      </Paper>
    </Link>
  )
}
