import { useLingui } from '@lingui/react/macro'
import { Badge } from '@mantine/core'

import { useSettings } from '../config'
import classes from './EnvironmentBadge.module.css'

/** Says 'this is not the real thing' everywhere but in production, and where it is not known. */
export function EnvironmentBadge() {
  const { t } = useLingui()
  const settings = useSettings()
  if (settings.state === 'loading') return null
  const environment = settings.state === 'loaded' ? settings.config.environment : t`unknown`
  if (environment === 'production') return null
  return (
    <Badge
      color="orange"
      variant="light"
      radius="sm"
      className={classes.badge}
      h="auto"
      title={t`The environment that you are looking at`}
    >
      {environment}
    </Badge>
  )
}
