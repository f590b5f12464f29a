import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paginate, parsePattern } from '../../local/ec2/filters.ts';

/** The same matching, written as plain recursion. */
function matches(pattern: string, text: string): boolean {
  const head = pattern[0];
  if (head === undefined) return text === '';
  if (head === '*')
    return matches(pattern.slice(1), text) || (text !== '' && matches(pattern, text.slice(1)));
  if (head === '?') return text !== '' && matches(pattern.slice(1), text.slice(1));
  const escaped = head === '\\' && ['*', '?', '\\'].includes(pattern[1] ?? '');
  const literal = escaped ? pattern[1] : head;
  return text[0] === literal && matches(pattern.slice(escaped ? 2 : 1), text.slice(1));
}

describe('filter patterns', () => {
  it.each([
    ['al2023-ami-*-x86_64', 'al2023-ami-2023.9-x86_64', true],
    ['al2023-ami-*-x86_64', 'al2023-ami-2023.9-arm64', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a.c', 'abc', false],
    ['ABC', 'abc', false],
    ['*', '', true],
    ['a\\*c', 'a*c', true],
    ['a\\*c', 'abc', false],
    ['a\\?c', 'a?c', true],
    ['/dev/sd[f]', '/dev/sd[f]', true],
    ['a*', 'a\nb', true],
  ])('%s on %j: %s', (pattern, text, expected) => {
    expect(parsePattern(pattern).test(text)).toBe(expected);
  });

  it('match what plain recursion matches (property)', () => {
    const alphabet = fc.constantFrom('a', 'b', '*', '?', '\\', '.', '-', '[', '$', '\n', '/');
    const text = fc.array(alphabet, { maxLength: 8 }).map((chars) => chars.join(''));
    fc.assert(
      fc.property(text, text, (pattern, subject) => {
        expect(parsePattern(pattern).test(subject)).toBe(matches(pattern, subject));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('pages', () => {
  it('hold every item once, in order, whatever their size (property)', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000)), fc.integer({ min: 1, max: 7 }), (numbers, size) => {
        const items = numbers.toSorted((a, b) => a - b);
        const options = { seqOf: (n: number) => n, limits: { min: 1, max: 10 } };
        const seen: number[] = [];
        let request: { MaxResults: number; NextToken?: string } = { MaxResults: size };
        for (let more = true; more; ) {
          const { page, NextToken } = paginate(items, request, options);
          expect(page.length).toBeLessThanOrEqual(size);
          seen.push(...page);
          request = { MaxResults: size, ...(NextToken ? { NextToken } : {}) };
          more = NextToken !== undefined;
        }
        expect(seen).toEqual(items);
      }),
    );
  });
});
