import { t } from '@lingui/core/macro'

import type { HistoryChange } from '../api/types'
import { sentenceOfPaper, sentenceOfShare } from '../papers/kinds'
import { shown } from './Conflict'
import { isField } from './fields'
import { labelOf, labelOfField, labelOfPart } from './words'

/** What has become of a shipment, or of something that belongs to it. */
export function sentence({ field, before, after }: HistoryChange): string {
  if (field === 'stage') return t`Moved it from ${labelOf(before ?? '')} to ${labelOf(after ?? '')}`
  if (field === 'paper') return sentenceOfPaper(before ?? null, after ?? null)
  if (field === 'share') return sentenceOfShare(before ?? null, after ?? null)
  // A later release may know more fields.
  if (!isField(field)) {
    const part = labelOfPart(field)
    if (!before) return t`Added ${part.toLowerCase()}: ${after ?? ''}`
    if (!after) return t`Removed ${part.toLowerCase()}: ${before}`
    return t`${part}: ${before} → ${after}`
  }
  const name = labelOfField(field)
  return t`${name}: ${shown(field, before ?? null)} → ${shown(field, after ?? null)}`
}
