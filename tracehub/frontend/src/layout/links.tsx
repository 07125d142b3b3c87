import { Anchor, Button, type AnchorProps, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { ReactNode, Ref } from 'react'

type Shared = { ref?: Ref<HTMLAnchorElement>; children?: ReactNode }

/** Links to addresses with parts that vary, which the router's types check. */
export const ButtonLink = createLink(({ ref, ...rest }: ButtonProps & Shared) => (
  <Button component="a" ref={ref} {...rest} />
))

export const AnchorLink = createLink(({ ref, ...rest }: AnchorProps & Shared) => (
  <Anchor ref={ref} {...rest} />
))
