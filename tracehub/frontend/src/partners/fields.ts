import { t } from '@lingui/core/macro'

import type { NewPartner } from '../api/types'
import type { FieldOf } from '../parts/values'
import { countryChoices } from './countries'
import { kindChoices } from './kinds'

/** What is asked of a partner, in the language of the page. */
export function partnerFields(): FieldOf<NewPartner>[] {
  return [
    { name: 'name', label: t`Name`, required: true, wide: true },
    { name: 'address', label: t`Address`, kind: 'lines', wide: true },
    {
      name: 'country',
      label: t`Country`,
      kind: 'choice',
      choices: [{ value: '', label: t`Not known yet` }, ...countryChoices()],
    },
    { name: 'eori', label: t`EORI number`, placeholder: 'DE1234567' },
    { name: 'email', label: t`Email`, placeholder: 'ada@example.com' },
  ]
}

/** The same, with its kind, which stays. */
export function newPartnerFields(): FieldOf<NewPartner>[] {
  const [name, ...others] = partnerFields()
  const kind = {
    name: 'kind',
    label: t`Kind`,
    kind: 'choice',
    choices: kindChoices(),
  } satisfies FieldOf<NewPartner>
  return [...(name ? [name] : []), kind, ...others]
}
