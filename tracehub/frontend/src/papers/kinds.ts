import { t } from '@lingui/core/macro'

import type { PaperKind } from '../api/types'

/** What papers are called, in the order in which people look for them. */
export function kinds(): { value: PaperKind; label: string }[] {
  return [
    { value: 'bill_of_lading', label: t`Bill of lading` },
    { value: 'commercial_invoice', label: t`Commercial invoice` },
    { value: 'packing_list', label: t`Packing list` },
    { value: 'certificate_of_origin', label: t`Certificate of origin` },
    { value: 'phytosanitary', label: t`Phytosanitary certificate` },
    { value: 'fumigation', label: t`Fumigation certificate` },
    { value: 'sanitary', label: t`Sanitary certificate` },
    { value: 'veterinary_health', label: t`Veterinary health certificate` },
    { value: 'animal_by_products', label: t`Commercial document for animal by-products` },
    { value: 'ched', label: t`CHED reference` },
    { value: 'insurance', label: t`Insurance certificate` },
    { value: 'quality', label: t`Quality certificate` },
    { value: 'customs_declaration', label: t`Customs declaration` },
    { value: 'export_declaration', label: t`Export declaration` },
    { value: 'eudr', label: t`EUDR data` },
    { value: 'contract', label: t`Contract` },
    { value: 'other', label: t`Other paper` },
  ]
}

/** A later release may know more kinds. */
export function labelOfKind(kind: string): string {
  return kinds().find(({ value }) => value === kind)?.label ?? kind
}

/** What the history has of a paper: its kind, and what its file was called, before and after. */
export function sentenceOfPaper(before: string | null, after: string | null): string {
  const was = nameOf(before ?? '')
  const is = nameOf(after ?? '')
  if (before === null) return t`Brought ${is}`
  return after === null ? t`Took ${was} away` : t`Replaced ${was} by ${is}`
}

function nameOf(paper: string): string {
  const [kind = '', ...name] = paper.split(' ')
  return `${labelOfKind(kind)} (${name.join(' ')})`
}

/** What the history has of a link: for whom it is, where somebody has said so. */
export function sentenceOfShare(before: string | null, after: string | null): string {
  if (before === null) return after ? t`Made a link for ${after}` : t`Made a link`
  return before ? t`Took the link of ${before} back` : t`Took a link back`
}
