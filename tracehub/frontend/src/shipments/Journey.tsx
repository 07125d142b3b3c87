import { plural } from '@lingui/core/macro'
import { Trans, useLingui } from '@lingui/react/macro'
import { Paper, Text, Title } from '@mantine/core'

import type { Shipment } from '../api/types'
import { CheckIcon, ShipIcon } from '../layout/icons'
import classes from './Journey.module.css'
import { daysBetween, formatDay } from '../dates'
import { Moves } from './Moves'
import { STAGES, positionOf, stageOf } from './stages'
import { labelOf } from './words'

/** From where to where, when, and how far along. */
export function Journey({ shipment }: { shipment: Shipment }) {
  const { t } = useLingui()
  const { origin_port, destination_port, departs_on, arrives_on } = shipment
  return (
    <Paper component="section" aria-labelledby="journey" p="xl">
      <Title order={2} size="h5" id="journey" mb="lg">
        <Trans>Journey</Trans>
      </Title>
      <div className={classes.ports}>
        <Port name={origin_port}>
          {departs_on ? t`Departs ${formatDay(departs_on)}` : t`Departs: not known yet`}
        </Port>
        <div className={classes.crossing}>
          <ShipIcon size={26} />
          {departs_on && arrives_on && <Crossing days={daysBetween(departs_on, arrives_on)} />}
        </div>
        <Port name={destination_port}>
          {arrives_on ? t`Arrives ${formatDay(arrives_on)}` : t`Arrives: not known yet`}
        </Port>
      </div>
      <Steps shipment={shipment} />
      <Moves shipment={shipment} />
    </Paper>
  )
}

function Port({ name, children }: { name: string; children: string }) {
  return (
    <div className={classes.port}>
      <Text fw={650} fz="xl" lh={1.3}>
        {name}
      </Text>
      <Text size="sm" c="dimmed">
        {children}
      </Text>
    </div>
  )
}

function Crossing({ days }: { days: number }) {
  return (
    <Text size="xs" fw={600}>
      {plural(days, { one: '# day', other: '# days' })}
    </Text>
  )
}

/** What is put away is no step of a journey. */
const STEPS = STAGES.filter(({ stage }) => stage !== 'archived')

function Steps({ shipment }: { shipment: Shipment }) {
  const { t } = useLingui()
  const stage = stageOf(shipment)
  const isArchived = stage === 'archived'
  // What is archived goes back first to where it stood; whoever does not say that knows of no step.
  const stood = isArchived ? (shipment.next_stages?.[0] ?? 'draft') : stage
  const reached = positionOf(stood)
  const isDone = (position: number) =>
    position < reached || (isArchived && stood === 'delivered' && position === reached)
  return (
    <ol className={classes.steps} aria-label={t`Progress`}>
      {STEPS.map(({ stage }, position) => (
        <li
          key={stage}
          data-done={isDone(position) || undefined}
          aria-current={position === reached && !isArchived ? 'step' : undefined}
        >
          <span className={classes.dot}>{isDone(position) && <CheckIcon size={12} />}</span>
          {labelOf(stage)}
        </li>
      ))}
    </ol>
  )
}
