import { useLingui } from '@lingui/react/macro'
import { Link } from '@tanstack/react-router'

import type { Shipment } from '../api/types'
import { Route } from './Route'
import classes from './ShipmentCards.module.css'
import { StageBadge } from './StageBadge'
import { stageOf } from './stages'
import { formatDay } from '../dates'

/** The list on a phone: one card a shipment. */
export function ShipmentCards({ shipments }: { shipments: Shipment[] }) {
  const { t } = useLingui()
  return (
    <ul aria-label={t`Shipments`} className={classes.list}>
      {shipments.map((shipment) => (
        <li key={shipment.id}>
          <Card shipment={shipment} />
        </li>
      ))}
    </ul>
  )
}

function Card({ shipment }: { shipment: Shipment }) {
  const { t } = useLingui()
  const { id, reference, product, origin_port, destination_port } = shipment
  return (
    <Link to="/shipments/$id" params={{ id }} className={classes.card}>
      <div className={classes.head}>
        <strong className={classes.reference}>{reference}</strong>
        <StageBadge stage={stageOf(shipment)} />
      </div>
      <p className={classes.product}>{product}</p>
      <Route from={origin_port} to={destination_port} />
      {shipment.arrives_on && (
        <p className={classes.product}>{t`Arrives ${formatDay(shipment.arrives_on)}`}</p>
      )}
    </Link>
  )
}
