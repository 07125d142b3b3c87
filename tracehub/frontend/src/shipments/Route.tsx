import { Group, VisuallyHidden } from '@mantine/core'

import { ArrowRightIcon } from '../layout/icons'
import classes from './Route.module.css'

export function Route({ from, to }: { from: string; to: string }) {
  return (
    <Group gap={6} wrap="nowrap">
      {from}
      <ArrowRightIcon size={14} className={classes.arrow} />
      <VisuallyHidden>to</VisuallyHidden>
      {to}
    </Group>
  )
}
