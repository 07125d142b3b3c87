import { Stack, Text, Title, type TitleOrder } from '@mantine/core'
import type { ReactNode } from 'react'

import { ShipIcon } from './icons'
import classes from './Notice.module.css'

type Props = { title: string; children: ReactNode; action?: ReactNode; order?: TitleOrder }

/** A place with nothing to show says why, and what one can do. */
export function Notice({ title, children, action, order = 1 }: Props) {
  return (
    <Stack align="center" gap="xs" py={64} px="lg" ta="center">
      <span className={classes.mark}>
        <ShipIcon size={34} />
      </span>
      <Title order={order} size="h3" mt="xs">
        {title}
      </Title>
      <Text c="dimmed" maw={420} mb="sm">
        {children}
      </Text>
      {action}
    </Stack>
  )
}
