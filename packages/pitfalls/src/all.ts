import { klp101 } from '../KLP101-inlined-everywhere/index.ts';
import { klp102 } from '../KLP102-inlined-selectively/index.ts';
import { klp103 } from '../KLP103-header-inline/index.ts';
import { klp104 } from '../KLP104-folded-inline/index.ts';
import { klp105 } from '../KLP105-partial-inline/index.ts';
import { klp106 } from '../KLP106-isra-signature/index.ts';
import { klp107 } from '../KLP107-constprop/index.ts';
import { klp108 } from '../KLP108-clone-renumber/index.ts';
import { klp109 } from '../KLP109-cold-split/index.ts';
import { klp110 } from '../KLP110-silent-signature-change/index.ts';
import { klp111 } from '../KLP111-callee-specialised-in-place/index.ts';
import { klp112 } from '../KLP112-pure-const/index.ts';
import { klp113 } from '../KLP113-noreturn/index.ts';
import { klp114 } from '../KLP114-modref-store-elided/index.ts';
import { klp115 } from '../KLP115-ipa-reference/index.ts';
import { klp116 } from '../KLP116-readonly-static/index.ts';
import { klp117 } from '../KLP117-writeonly-static/index.ts';
import { klp118 } from '../KLP118-nonaddressable-static/index.ts';
import { klp119 } from '../KLP119-icf-functions/index.ts';
import { klp120 } from '../KLP120-icf-data/index.ts';
import { klp121 } from '../KLP121-ipa-ra/index.ts';
import { klp122 } from '../KLP122-static-local-renumber/index.ts';
import { klp123 } from '../KLP123-static-local-split-state/index.ts';
import { klp124 } from '../KLP124-sibling-call/index.ts';
import { klp125 } from '../KLP125-switch-tables/index.ts';
import { klp126 } from '../KLP126-string-merge/index.ts';
import { klp127 } from '../KLP127-line-drift/index.ts';
import { klp128 } from '../KLP128-once-data/index.ts';
import { klp129 } from '../KLP129-section-move/index.ts';
import { klp130 } from '../KLP130-no-fentry/index.ts';
import { klp131 } from '../KLP131-fentry-offset/index.ts';
import { klp132 } from '../KLP132-inline-decision-flip/index.ts';
import { klp133 } from '../KLP133-clang-bool-shrink/index.ts';
import { klp134 } from '../KLP134-kcfi-type-hash/index.ts';
import { klp135 } from '../KLP135-thinlto-llvm-suffix/index.ts';
import { klp136 } from '../KLP136-outline-atomics/index.ts';
import { klp137 } from '../KLP137-constant-p/index.ts';
import { klp138 } from '../KLP138-sanitizer-data/index.ts';
import { klp139 } from '../KLP139-ppc64le-toc/index.ts';
import { klp140 } from '../KLP140-section-anchors/index.ts';
import { klp141 } from '../KLP141-toolchain-mismatch/index.ts';
import { klp142 } from '../KLP142-const-object-identity/index.ts';
import { klp143 } from '../KLP143-function-removed/index.ts';
import { klp144 } from '../KLP144-weak-and-alias/index.ts';
import { klp145 } from '../KLP145-global-is-no-barrier/index.ts';
import { klp146 } from '../KLP146-fortify-object-size/index.ts';
import { klp147 } from '../KLP147-gcc-lto-priv/index.ts';
import { klp148 } from '../KLP148-ipa-stack-alignment/index.ts';
import { klp201 } from '../KLP201-not-marked/index.ts';
import { klp202 } from '../KLP202-licence/index.ts';
import { klp203 } from '../KLP203-no-such-function/index.ts';
import { klp204 } from '../KLP204-ambiguous-name/index.ts';
import { klp205 } from '../KLP205-not-traceable/index.ts';
import { klp206 } from '../KLP206-object-never-matches/index.ts';
import { klp207 } from '../KLP207-listed-twice/index.ts';
import { klp208 } from '../KLP208-no-terminator/index.ts';
import { klp209 } from '../KLP209-stripped/index.ts';
import { klp210 } from '../KLP210-transition-running/index.ts';
import { klp211 } from '../KLP211-replaced-callbacks/index.ts';
import { klp212 } from '../KLP212-pre-patch-failure/index.ts';
import { klp213 } from '../KLP213-callbacks-run-again/index.ts';
import { klp214 } from '../KLP214-no-re-enable/index.ts';
import { klp215 } from '../KLP215-force/index.ts';
import { klp216 } from '../KLP216-state-versions/index.ts';
import { klp217 } from '../KLP217-shadow-id-collision/index.ts';
import { klp218 } from '../KLP218-shadow-constructor-atomic/index.ts';
import { klp219 } from '../KLP219-shadow-leak/index.ts';
import { klp220 } from '../KLP220-shadow-zeroed/index.ts';
import { klp221 } from '../KLP221-ipmodify-users/index.ts';
import { klp222 } from '../KLP222-stacking/index.ts';
import { klp223 } from '../KLP223-taint-and-signature/index.ts';
import { klp224 } from '../KLP224-vermagic-and-versions/index.ts';
import { klp225 } from '../KLP225-late-module/index.ts';
import { klp301 } from '../KLP301-unexported-symbol/index.ts';
import { klp302 } from '../KLP302-malformed-klp-section/index.ts';
import { klp303 } from '../KLP303-vmlinux-symbol-in-module-section/index.ts';
import { klp304 } from '../KLP304-module-export-used-directly/index.ts';
import { klp305 } from '../KLP305-klp-symbol-of-local/index.ts';
import { klp310 } from '../KLP310-jump-label/index.ts';
import { klp311 } from '../KLP311-static-call/index.ts';
import { klp312 } from '../KLP312-alternatives-extable/index.ts';
import { klp313 } from '../KLP313-percpu-reference/index.ts';
import { klp314 } from '../KLP314-init-reference/index.ts';
import { klp315 } from '../KLP315-macro-footprint/index.ts';
import { klp401 } from '../KLP401-cold-stack-hole/index.ts';
import { klp402 } from '../KLP402-always-on-a-stack/index.ts';
import { klp403 } from '../KLP403-lock-order/index.ts';
import { klp404 } from '../KLP404-tail-calling-caller/index.ts';
import { klp405 } from '../KLP405-fake-signal/index.ts';
import { klp406 } from '../KLP406-new-function-blocks/index.ts';
import { klp407 } from '../KLP407-init-already-ran/index.ts';
import { klp408 } from '../KLP408-assembly-entry-noinstr/index.ts';
import { klp409 } from '../KLP409-syscall-wrappers/index.ts';
import { klp410 } from '../KLP410-semantics-of-objects/index.ts';
import { klp411 } from '../KLP411-back-to-old-code/index.ts';
import { klp412 } from '../KLP412-no-reliable-stack/index.ts';
import { klp501 } from '../KLP501-initial-value/index.ts';
import { klp502 } from '../KLP502-struct-layout/index.ts';
import { klp503 } from '../KLP503-const-table-content/index.ts';
import { klp504 } from '../KLP504-header-constant/index.ts';
import { klp505 } from '../KLP505-export-crc/index.ts';
import { klp506 } from '../KLP506-state-in-the-module/index.ts';
import { klp507 } from '../KLP507-registration-added/index.ts';
import type { Pitfall } from './pitfall.ts';

/** The catalogue, by id. A number that was given once is never given again. */
export const pitfalls: readonly Pitfall[] = [
  klp101,
  klp102,
  klp103,
  klp104,
  klp105,
  klp106,
  klp107,
  klp108,
  klp109,
  klp110,
  klp111,
  klp112,
  klp113,
  klp114,
  klp115,
  klp116,
  klp117,
  klp118,
  klp119,
  klp120,
  klp121,
  klp122,
  klp123,
  klp124,
  klp125,
  klp126,
  klp127,
  klp128,
  klp129,
  klp130,
  klp131,
  klp132,
  klp133,
  klp134,
  klp135,
  klp136,
  klp137,
  klp138,
  klp139,
  klp140,
  klp141,
  klp142,
  klp143,
  klp144,
  klp145,
  klp146,
  klp147,
  klp148,
  klp201,
  klp202,
  klp203,
  klp204,
  klp205,
  klp206,
  klp207,
  klp208,
  klp209,
  klp210,
  klp211,
  klp212,
  klp213,
  klp214,
  klp215,
  klp216,
  klp217,
  klp218,
  klp219,
  klp220,
  klp221,
  klp222,
  klp223,
  klp224,
  klp225,
  klp301,
  klp302,
  klp303,
  klp304,
  klp305,
  klp310,
  klp311,
  klp312,
  klp313,
  klp314,
  klp315,
  klp401,
  klp402,
  klp403,
  klp404,
  klp405,
  klp406,
  klp407,
  klp408,
  klp409,
  klp410,
  klp411,
  klp412,
  klp501,
  klp502,
  klp503,
  klp504,
  klp505,
  klp506,
  klp507,
];

const byId = new Map(pitfalls.map((pitfall) => [pitfall.id, pitfall]));

/** The pitfall of an id: `KLP102`; `undefined` when the catalogue has none. */
export function pitfallOf(id: string): Pitfall | undefined {
  return byId.get(id);
}
