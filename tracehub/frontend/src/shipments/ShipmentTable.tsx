import { Paper, Table, Text } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'

import type { Shipment } from '../api/types'
import { Route } from './Route'
import classes from './ShipmentTable.module.css'
import { StatusBadge } from './StatusBadge'
import { formatDay } from './dates'

export function ShipmentTable({ shipments }: { shipments: Shipment[] }) {
  return (
    <Paper className={classes.frame}>
      <Table aria-label="Shipments" highlightOnHover>
        <Table.Thead>
          <Table.Tr className={classes.head}>
            <Table.Th>Shipment</Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th>Journey</Table.Th>
            <Table.Th>Container</Table.Th>
            <Table.Th>Departs</Table.Th>
            <Table.Th>Arrives</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shipments.map((shipment) => (
            <Row key={shipment.id} shipment={shipment} />
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  )
}

/** The whole row takes a click, for mice; the reference is the link, for keyboards and screen readers. */
function Row({ shipment }: { shipment: Shipment }) {
  const navigate = useNavigate()
  const { id } = shipment
  return (
    <Table.Tr
      className={classes.row}
      onClick={() => void navigate({ to: '/shipments/$id', params: { id } })}
    >
      <Table.Td>
        <Link
          to="/shipments/$id"
          params={{ id }}
          className={classes.reference}
          onClick={(event) => event.stopPropagation()}
        >
          {shipment.reference}
        </Link>
        <Text size="sm" c="dimmed" lineClamp={1}>
          {shipment.product}
        </Text>
      </Table.Td>
      <Table.Td>
        <StatusBadge status={shipment.status} />
      </Table.Td>
      <Table.Td>
        <Route from={shipment.origin_port} to={shipment.destination_port} />
      </Table.Td>
      <Table.Td className={classes.code}>{shipment.container_number ?? '–'}</Table.Td>
      <Table.Td className={classes.day}>{formatDay(shipment.departs_on)}</Table.Td>
      <Table.Td className={classes.day}>{formatDay(shipment.arrives_on)}</Table.Td>
    </Table.Tr>
  )
}
