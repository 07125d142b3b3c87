import type { Shipment, Stage } from '../api/types'

/** The life of a shipment, in order. */
export const STAGES: { stage: Stage; label: string; color: string }[] = [
  { stage: 'draft', label: 'Draft', color: 'gray' },
  { stage: 'docs_pending', label: 'Papers pending', color: 'yellow' },
  { stage: 'docs_complete', label: 'Papers complete', color: 'indigo' },
  { stage: 'in_transit', label: 'In transit', color: 'harbour' },
  { stage: 'arrived', label: 'Arrived', color: 'orange' },
  { stage: 'customs', label: 'Customs', color: 'orange' },
  { stage: 'delivered', label: 'Delivered', color: 'green' },
  { stage: 'archived', label: 'Archived', color: 'gray' },
]

/** Where it stands; an API from before there were stages says it more coarsely. */
export function stageOf({ stage, status }: Pick<Shipment, 'stage' | 'status'>): Stage {
  return stage ?? (status === 'booked' ? 'docs_pending' : status)
}

export function positionOf(stage: Stage): number {
  return STAGES.findIndex((row) => row.stage === stage)
}

/** For people; as it is, when a later release knows more stages. */
export function labelOf(stage: string): string {
  return STAGES.find((row) => row.stage === stage)?.label ?? stage
}
