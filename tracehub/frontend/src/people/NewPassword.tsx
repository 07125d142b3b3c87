import { PasswordInput } from '@mantine/core'

type Props = {
  label: string
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

/** Where somebody chooses a password. */
export function NewPassword({ label, value, error, onChange }: Props) {
  return (
    <PasswordInput
      label={label}
      description="Twelve characters at least; three or four words are good"
      autoComplete="new-password"
      required
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
