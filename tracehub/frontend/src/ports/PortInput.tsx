import { useLingui } from '@lingui/react/macro'
import { Box, TextInput, type TextInputProps } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'

import { Offered } from '../layout/Offered'
import classes from './PortInput.module.css'
import { countryOf, loadPorts, portsLike, writtenFor, type Port } from './ports'

type Props = Omit<TextInputProps, 'value' | 'onChange'> & {
  value?: string
  onChange?: (value: string) => void
}

/** Takes the name of a port, and offers those that are known as one types. Others may be written as well. */
export function PortInput({ value = '', onChange, ...props }: Props) {
  const { t } = useLingui()
  const input = useRef<HTMLInputElement>(null)
  const [isNear, setIsNear] = useState(false)
  const [isOpen, setIsOpen] = useState(false)
  const { data: ports = [] } = useQuery({
    queryKey: ['ports'],
    queryFn: loadPorts,
    enabled: isNear,
    staleTime: Infinity,
    // Without it one types all of the name.
    retry: false,
    throwOnError: false,
  })
  const offers = isOpen ? portsLike(value, ports).map((port) => offerOf(port, ports)) : []

  function pick(written: string) {
    onChange?.(written)
    setIsOpen(false)
    input.current?.focus()
  }
  return (
    <Box
      className={classes.field}
      onFocus={() => setIsNear(true)}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setIsOpen(false)
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') setIsOpen(false)
      }}
    >
      <TextInput
        {...props}
        ref={input}
        autoComplete="off"
        value={value}
        onChange={(event) => {
          onChange?.(event.currentTarget.value)
          setIsOpen(true)
        }}
      />
      <div className={classes.offered}>
        <Offered label={t`Ports that are called so`} offers={offers} onPick={pick} />
      </div>
    </Box>
  )
}

function offerOf(port: Port, ports: Port[]) {
  const written = writtenFor(port, ports)
  const about = [...port.names.slice(1), countryOf(port), port.code.slice(2) && port.code]
  return { key: written, text: written, detail: about.filter(Boolean).join(' · ') }
}
