import { TextInput, type TextInputProps } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'

import { countryOf, loadPorts, portsLike, writtenFor } from './ports'

/** Takes the name of a port, and offers those that are known as one types. Others may be written as well. */
export function PortInput(props: TextInputProps & { value?: string }) {
  const list = useId()
  const [isNear, setIsNear] = useState(false)
  const { data: ports = [] } = useQuery({
    queryKey: ['ports'],
    queryFn: loadPorts,
    enabled: isNear,
    staleTime: Infinity,
    // Without it one types all of the name.
    retry: false,
    throwOnError: false,
  })
  return (
    <>
      <TextInput
        {...props}
        list={list}
        autoComplete="off"
        onFocus={(event) => {
          setIsNear(true)
          props.onFocus?.(event)
        }}
      />
      <datalist id={list}>
        {portsLike(props.value ?? '', ports).map((port) => (
          <option
            key={port.code + port.names[0]}
            value={writtenFor(port, ports)}
            label={[...port.names.slice(1), countryOf(port), port.code.slice(2) && port.code]
              .filter(Boolean)
              .join(' · ')}
          />
        ))}
      </datalist>
    </>
  )
}
