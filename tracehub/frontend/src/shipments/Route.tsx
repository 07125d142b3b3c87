import { Trans } from '@lingui/react/macro'
import { VisuallyHidden } from '@mantine/core'

import { ArrowRightIcon } from '../layout/icons'
import classes from './Route.module.css'

export function Route({ from, to }: { from: string; to: string }) {
  return (
    <div className={classes.route}>
      <span className={classes.port}>{from}</span>
      <ArrowRightIcon size={14} className={classes.arrow} />
      <VisuallyHidden>
        <Trans>to</Trans>
      </VisuallyHidden>
      <span className={classes.port}>{to}</span>
    </div>
  )
}
