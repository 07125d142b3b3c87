import { useLingui } from '@lingui/react/macro'
import { PasswordInput } from '@mantine/core'

type Props = {
  label: string
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

/** Where somebody chooses a password. */
export function NewPassword({ label, value, error, onChange }: Props) {
  const { t } = useLingui()
  return (
    <PasswordInput
      label={label}
      description={t`Twelve characters at least; three or four words are good`}
      autoComplete="new-password"
      required
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
