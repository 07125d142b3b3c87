import { Badge } from '@mantine/core'

import type { Status } from '../api/types'
import { STATUSES, positionOf } from './status'

export function StatusBadge({ status, size }: { status: Status; size?: 'lg' }) {
  const row = STATUSES[positionOf(status)]
  return (
    <Badge variant="light" radius="sm" size={size} tt="none" fw={600} color={row?.color ?? 'gray'}>
      {row?.label ?? status}
    </Badge>
  )
}
