import type { Shipment, Stage } from '../api/types'

/** The life of a shipment, in order. */
export const STAGES: { stage: Stage; color: string }[] = [
  { stage: 'draft', color: 'gray' },
  { stage: 'docs_pending', color: 'yellow' },
  { stage: 'docs_complete', color: 'indigo' },
  { stage: 'in_transit', color: 'harbour' },
  { stage: 'arrived', color: 'orange' },
  { stage: 'customs', color: 'orange' },
  { stage: 'delivered', color: 'green' },
  { stage: 'archived', color: 'gray' },
]

/** Where it stands; an API from before there were stages says it more coarsely. */
export function stageOf({ stage, status }: Pick<Shipment, 'stage' | 'status'>): Stage {
  return stage ?? (status === 'booked' ? 'docs_pending' : status)
}

export function positionOf(stage: Stage): number {
  return STAGES.findIndex((row) => row.stage === stage)
}
