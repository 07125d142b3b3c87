import { Group, Text } from '@mantine/core'

import { ShipIcon } from './icons'
import classes from './Brand.module.css'

export function Brand({ size = 'lg' }: { size?: 'lg' | 'xl' }) {
  return (
    <Group gap={10} wrap="nowrap" flex="none">
      <span className={classes.mark}>
        <ShipIcon size={20} />
      </span>
      <Text span fw={700} fz={size} lh={1} className={classes.name}>
        TraceHub
      </Text>
    </Group>
  )
}
