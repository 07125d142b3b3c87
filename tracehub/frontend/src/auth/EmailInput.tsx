import { useLingui } from '@lingui/react/macro'
import { TextInput } from '@mantine/core'

type Props = { value: string; error?: string; onChange: (email: string) => void }

/** The address that somebody logs in with, as password managers know it. */
export function EmailInput({ value, error, onChange }: Props) {
  const { t } = useLingui()
  return (
    <TextInput
      label={t`Email`}
      type="email"
      autoComplete="username"
      required
      withAsterisk={false}
      size="md"
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
