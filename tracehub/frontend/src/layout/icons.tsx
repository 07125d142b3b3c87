import type { ReactNode, SVGProps } from 'react'

/** Drawn on a 24 by 24 grid, in the colour of the text around; decoration only, so hidden from screen readers. */
function icon(drawing: ReactNode) {
  return function Icon({ size = 18, ...rest }: SVGProps<SVGSVGElement> & { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.8}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden
        {...rest}
      >
        {drawing}
      </svg>
    )
  }
}

export const ShipIcon = icon(
  <>
    <path d="M3 14h18l-2.2 5H5.2z" />
    <path d="M6.5 14V9.5h5.5V14M12 14V5.5h4.5V14" />
  </>,
)
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m20 20-4.3-4.3" />
  </>,
)
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />)
export const ArrowRightIcon = icon(<path d="M5 12h14m-6-6 6 6-6 6" />)
export const ArrowLeftIcon = icon(<path d="M19 12H5m6 6-6-6 6-6" />)
export const ChevronDownIcon = icon(<path d="m6 9 6 6 6-6" />)
export const CheckIcon = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />)
export const CrossIcon = icon(<path d="M6 6l12 12M18 6 6 18" />)
export const AlertIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7.5v5.5M12 16.4v.1" />
  </>,
)
export const ActivityIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7v5.5l3.5 2" />
  </>,
)
export const LogOutIcon = icon(<path d="M14 4H6v16h8M10 12h11m-4-4 4 4-4 4" />)
export const PeopleIcon = icon(
  <>
    <circle cx="9" cy="8" r="3.5" />
    <path d="M2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.2.8 3.5 2.7 3.5 5.5" />
  </>,
)
export const HandshakeIcon = icon(
  <path d="M2.5 7.5 7 6l5 2 5-2 4.5 1.5v8L19 17l-5 3.5-3-1.5-6-4-2.5.5zM12 8l-3 3.5c1.5 1.5 3 1 4-.5l6 6" />,
)
export const PersonIcon = icon(
  <>
    <circle cx="12" cy="8" r="4" />
    <path d="M4.5 20.5c0-4.5 3.5-6.5 7.5-6.5s7.5 2 7.5 6.5" />
  </>,
)
export const LanguageIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M3 12h18M12 3c5.5 5.5 5.5 12.5 0 18M12 3c-5.5 5.5-5.5 12.5 0 18" />
  </>,
)
