import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, Stack, Text } from '@mantine/core'
import { useRef } from 'react'

import { useChangeShipment } from '../api/shipments'
import { useOneAtATime } from '../api/useOneAtATime'
import type { Shipment, Stage } from '../api/types'
import { useLogin } from '../auth/credentials'
import { ProblemAlert } from '../layout/ProblemAlert'
import { mayDo } from '../people/roles'
import { positionOf, stageOf } from './stages'
import { labelOf } from './words'

/** Where the shipment may go from where it stands. An API that knows no stages says nothing of it, and nothing is shown. */
export function Moves({ shipment }: { shipment: Shipment }) {
  const { t } = useLingui()
  const change = useChangeShipment()
  const atMostOnce = useOneAtATime()
  const moves = useRef<HTMLDivElement>(null)
  const { id, version, next_stages = [] } = shipment
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  if (!mayWrite || version === undefined || next_stages.length === 0) return null

  function nameOfMove(stage: Stage) {
    const name = labelOf(stage).toLowerCase()
    const isBack = positionOf(stage) < positionOf(stageOf(shipment))
    return isBack ? t`Back to ${name}` : t`Move to ${name}`
  }
  const move = (stage: Stage) =>
    atMostOnce((done) =>
      change.mutate({ id, version, body: { stage } }, { onSettled: settle(done) }),
    )
  // The button that was pressed may be gone, and the focus with it.
  const settle = (done: () => void) => () => {
    done()
    moves.current?.focus()
  }

  return (
    <Stack mt="xl" gap="sm">
      {change.error && <ProblemAlert error={change.error} />}
      {/* It is there before there is something to say, or nobody who listens would hear it. */}
      <Text role="status" size="sm" fw={600}>
        {change.isSuccess && t`It is at ${labelOf(stageOf(change.data))} now.`}
      </Text>
      <Group ref={moves} tabIndex={-1} gap="xs" role="group" aria-label={t`Move on`}>
        {next_stages.map((stage, place) => (
          <Button
            key={stage}
            size="xs"
            variant={place === 0 ? 'filled' : 'default'}
            loading={change.isPending && change.variables.body.stage === stage}
            onClick={() => move(stage)}
          >
            {nameOfMove(stage)}
          </Button>
        ))}
      </Group>
      <Text size="xs" c="dimmed">
        <Trans>
          Everybody in your organisation sees where it stands; the history says who moved it.
        </Trans>
      </Text>
    </Stack>
  )
}
