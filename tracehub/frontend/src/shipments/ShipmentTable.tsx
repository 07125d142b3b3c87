import { useLingui } from '@lingui/react/macro'
import { Paper } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'

import type { Shipment } from '../api/types'
import { Route } from './Route'
import classes from './ShipmentTable.module.css'
import { StageBadge } from './StageBadge'
import { stageOf } from './stages'
import { formatDay } from '../dates'

export function ShipmentTable({ shipments }: { shipments: Shipment[] }) {
  const { t } = useLingui()
  return (
    <Paper>
      <table aria-label={t`Shipments`} className={classes.table}>
        <thead>
          <tr>
            <th scope="col">{t`Shipment`}</th>
            <th scope="col">{t`Status`}</th>
            <th scope="col">{t`Journey`}</th>
            <th scope="col">{t`Container`}</th>
            <th scope="col">{t`Departs`}</th>
            <th scope="col">{t`Arrives`}</th>
          </tr>
        </thead>
        <tbody>
          {shipments.map((shipment) => (
            <Row key={shipment.id} shipment={shipment} />
          ))}
        </tbody>
      </table>
    </Paper>
  )
}

/** The whole row takes a click, for mice; the reference is the link, for keyboards and screen readers. */
function Row({ shipment }: { shipment: Shipment }) {
  const navigate = useNavigate()
  const { id } = shipment
  return (
    <tr
      className={classes.row}
      onClick={() => void navigate({ to: '/shipments/$id', params: { id } })}
    >
      <td>
        <Link
          to="/shipments/$id"
          params={{ id }}
          className={classes.reference}
          onClick={(event) => event.stopPropagation()}
        >
          {shipment.reference}
        </Link>
        <div className={classes.product}>{shipment.product}</div>
      </td>
      <td className={classes.status}>
        <StageBadge stage={stageOf(shipment)} />
      </td>
      <td>
        <Route from={shipment.origin_port} to={shipment.destination_port} />
      </td>
      <td className={classes.code}>{shipment.container_number ?? '–'}</td>
      <td className={classes.day}>{formatDay(shipment.departs_on)}</td>
      <td className={classes.day}>{formatDay(shipment.arrives_on)}</td>
    </tr>
  )
}
