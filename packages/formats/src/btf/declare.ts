import { FormatError } from '../error.ts';
import type { BtfSection } from './read.ts';
import { BTF_KIND } from './types.ts';

/** Steps that one declaration may take; damaged types can refer to each other without end. */
const mostSteps = 2000;

const qualifiers: Readonly<Record<number, string>> = {
  [BTF_KIND.CONST]: 'const',
  [BTF_KIND.VOLATILE]: 'volatile',
  [BTF_KIND.RESTRICT]: 'restrict',
};

function tagged(keyword: string, name: string): string {
  return name === '' ? `${keyword} {...}` : `${keyword} ${name}`;
}

/**
 * A C declaration of `name`, from the inside out as C has it: `int (*name)(const char *)`.
 *
 * Anonymous structures are written `struct {...}`.
 */
export function declare(btf: BtfSection, id: number, name: string): string {
  let steps = 0;
  const named = (type: string, inner: string) => (inner === '' ? type : `${type} ${inner}`);
  const walk = (at: number, inner: string): string => {
    if (++steps > mostSteps) throw new FormatError(`btf: the declaration of type ${id} has no end`);
    const kind = btf.kind(at);
    switch (kind) {
      case BTF_KIND.STRUCT:
        return named(tagged('struct', btf.name(at)), inner);
      case BTF_KIND.UNION:
        return named(tagged('union', btf.name(at)), inner);
      case BTF_KIND.ENUM:
      case BTF_KIND.ENUM64:
        return named(tagged('enum', btf.name(at)), inner);
      case BTF_KIND.FWD:
        return named(tagged(btf.flag(at) ? 'union' : 'struct', btf.name(at)), inner);
      case BTF_KIND.PTR: {
        const target = btf.target(at);
        const wraps = btf.kind(target) === BTF_KIND.ARRAY || btf.kind(target) === BTF_KIND.FUNC_PROTO;
        return walk(target, wraps ? `(*${inner})` : `*${inner}`);
      }
      case BTF_KIND.CONST:
      case BTF_KIND.VOLATILE:
      case BTF_KIND.RESTRICT: {
        const target = btf.target(at);
        // A qualified pointer has the word behind its star, everything else in front.
        if (btf.kind(target) === BTF_KIND.PTR) return walk(target, named(qualifiers[kind], inner));
        return `${qualifiers[kind]} ${walk(target, inner)}`;
      }
      case BTF_KIND.TYPE_TAG:
        return walk(btf.target(at), inner);
      case BTF_KIND.ARRAY:
        return walk(btf.target(at), `${inner}[${btf.length(at)}]`);
      case BTF_KIND.FUNC:
        return walk(btf.target(at), inner === '' ? btf.name(at) : inner);
      case BTF_KIND.FUNC_PROTO: {
        const { returns, parameters } = btf.prototype(at);
        const list = parameters.map((one) =>
          one.type === 0 && one.name === '' ? '...' : walk(one.type, one.name),
        );
        return walk(returns, `${inner}(${list.length === 0 ? 'void' : list.join(', ')})`);
      }
      case BTF_KIND.VAR:
        return walk(btf.target(at), inner === '' ? btf.name(at) : inner);
      default:
        return named(btf.name(at), inner);
    }
  };
  return walk(id, name);
}
