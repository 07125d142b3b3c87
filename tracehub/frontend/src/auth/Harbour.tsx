import { Trans, useLingui } from '@lingui/react/macro'
import classes from './Harbour.module.css'

/** The picture beside the log-in form: a container ship, under way. */
export function Harbour() {
  const { t } = useLingui()
  return (
    <aside className={classes.harbour} aria-label={t`What TraceHub is for`}>
      <p className={classes.words}>
        <Trans>
          Every container,
          <br />
          every document,
          <br />
          every mile.
        </Trans>
      </p>
      <svg
        className={classes.picture}
        viewBox="0 0 800 420"
        preserveAspectRatio="xMidYMax slice"
        aria-hidden
      >
        <circle cx="545" cy="118" r="70" fill="#ffd8a8" opacity=".9" />
        <g className={classes.ship}>
          <path d="M150 285h470l-38 72H196z" fill="#08323b" />
          <path d="M150 285h470l-6 12H156z" fill="#e8590c" />
          <path d="M540 285V186h58v99z" fill="#f1f9fa" />
          <path d="M534 186h70v-14h-70z" fill="#d3ebef" />
          <path d="M550 200h38v14h-38zM550 224h38v14h-38z" fill="#0b7285" />
          <path d="M580 172v-34h12v34z" fill="#e8590c" />
          {CONTAINERS.map(({ x, y, fill }) => (
            <g key={`${x} ${y}`} transform={`translate(${x} ${y})`}>
              <rect width="66" height="30" rx="2" fill={fill} />
              <path d="M11 6v18M22 6v18M33 6v18M44 6v18M55 6v18" stroke="#08323b" opacity=".25" />
            </g>
          ))}
        </g>
        <path
          d="M0 345q50-16 100 0t100 0 100 0 100 0 100 0 100 0 100 0 100 0v80H0z"
          fill="#0b7285"
        />
        <path
          d="M0 375q40-12 80 0t80 0 80 0 80 0 80 0 80 0 80 0 80 0 80 0 80 0v60H0z"
          fill="#075f70"
        />
      </svg>
    </aside>
  )
}

const CONTAINERS = [
  { x: 180, y: 254, fill: '#4faebe' },
  { x: 250, y: 254, fill: '#ffa94d' },
  { x: 320, y: 254, fill: '#f1f9fa' },
  { x: 390, y: 254, fill: '#ff8787' },
  { x: 460, y: 254, fill: '#4faebe' },
  { x: 215, y: 222, fill: '#ff8787' },
  { x: 285, y: 222, fill: '#75c0cd' },
  { x: 355, y: 222, fill: '#ffc078' },
  { x: 425, y: 222, fill: '#36a2b5' },
  { x: 320, y: 190, fill: '#ffa94d' },
  { x: 390, y: 190, fill: '#f1f9fa' },
]
