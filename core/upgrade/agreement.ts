/**
 * How alike two answers are, 0 to 1: the share of words that they have in common, counted as often as they come (Dice's
 * coefficient over bags of words). Versions of a server compute in another order and so choose another word now and
 * then: equal letters would be too much to ask.
 */
export function agreement(one: string, other: string): number {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  const total = a.length + b.length;
  if (total === 0) return 1;
  const left = new Map<string, number>();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of b) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    common += 1;
    left.set(word, count - 1);
  }
  return (2 * common) / total;
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
