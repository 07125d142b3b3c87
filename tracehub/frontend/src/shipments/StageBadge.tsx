import { Badge } from '@mantine/core'

import type { Stage } from '../api/types'
import { STAGES, positionOf } from './stages'
import { labelOf } from './words'

export function StageBadge({ stage, size }: { stage: Stage; size?: 'lg' }) {
  const row = STAGES[positionOf(stage)]
  return (
    <Badge variant="light" radius="sm" size={size} tt="none" fw={600} color={row?.color ?? 'gray'}>
      {labelOf(stage)}
    </Badge>
  )
}
