import { Badge } from '@mantine/core'

import { useSettings } from '../config'
import classes from './EnvironmentBadge.module.css'

/** Says 'this is not the real thing' everywhere but in production, and where it is not known. */
export function EnvironmentBadge() {
  const settings = useSettings()
  if (settings.state === 'loading') return null
  const environment = settings.state === 'loaded' ? settings.config.environment : 'unknown'
  if (environment === 'production') return null
  return (
    <Badge
      color="orange"
      variant="light"
      radius="sm"
      className={classes.badge}
      h="auto"
      title="The environment that you are looking at"
    >
      {environment}
    </Badge>
  )
}
