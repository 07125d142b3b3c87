import { Badge } from '@mantine/core'

import { useConfig } from '../config'

/** Says 'this is not the real thing' everywhere but in production. */
export function EnvironmentBadge() {
  const { environment } = useConfig()
  if (environment === 'production') return null
  return (
    <Badge
      color="orange"
      variant="light"
      radius="sm"
      title="The environment that you are looking at"
    >
      {environment}
    </Badge>
  )
}
