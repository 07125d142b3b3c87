import { VisuallyHidden } from '@mantine/core'

import { ArrowRightIcon } from '../layout/icons'
import classes from './Route.module.css'

export function Route({ from, to }: { from: string; to: string }) {
  return (
    <div className={classes.route}>
      <span className={classes.port}>{from}</span>
      <ArrowRightIcon size={14} className={classes.arrow} />
      <VisuallyHidden>to</VisuallyHidden>
      <span className={classes.port}>{to}</span>
    </div>
  )
}
