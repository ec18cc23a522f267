// Failing calls into real libraries; prints [{label, stack}]. Runs as it is or bundled.
import * as d3 from "d3";
import * as lodash from "lodash-es";
import * as mathjs from "mathjs";
import * as rxjs from "rxjs";
import * as three from "three";

Error.stackTraceLimit = 40;
const calls = {};
const bad = () => {
  throw new Error("from a callback");
};

for (const expression of [
  "1 +", "sqrt(", "unknownFunction(3)", "undefinedVariable + 1", "[1,2] * [1,2,3]", "det([1,2,3])",
  "inv([[0,0],[0,0]])", "f(x) = ", "3 meter + 2 second", "cross([1],[2])", "subset([1,2], index(9))",
  "resize([1], 2, 3)", "bignumber('x')", "fraction('a/b')", "unit('5 nothing')", "matrix(3)",
  "factorial(-1)", "gamma(i, 2)", "derivative('x^^2', 'x')", "simplify('2 *')", "lsolve([1], [2])",
  "eigs([[1,2],[3]])", "mode()", "range('1:')", "concat([1], [[2]])", "parse(1)", "compile(2)",
  "sum()", "max([])", "mean('a')", "nthRoot(-8, 2)", "zeros(-1)", "diag([[[1]]])", "kron(1)",
]) {
  calls[`evaluate ${expression}`] = () => mathjs.evaluate(expression);
}
calls["mathjs map"] = () => mathjs.map([1], bad);
calls["mathjs chain"] = () => mathjs.chain(3).add("x y").done();
calls["mathjs typed"] = () => mathjs.add({}, 1);
calls["mathjs parser"] = () => mathjs.parser().evaluate("a.b.c");

for (const [name, run] of Object.entries({
  map: () => lodash.map([1], bad), sortBy: () => lodash.sortBy([1, 2], bad),
  groupBy: () => lodash.groupBy([1], bad), reduce: () => lodash.reduce([1, 2], bad),
  flow: () => lodash.flow([bad])(1), memoize: () => lodash.memoize(bad)(1),
  template: () => lodash.template("<%= missing.deep %>")({}), curry: () => lodash.curry(bad)(),
  cloneDeepWith: () => lodash.cloneDeepWith({ a: 1 }, bad), debounce: () => lodash.debounce(3),
  mergeWith: () => lodash.mergeWith({ a: {} }, { a: {} }, bad), times: () => lodash.times(2, bad),
  filter: () => lodash.filter({ a: 1 }, bad), chain: () => lodash.chain([1]).map(bad).value(),
  transform: () => lodash.transform([1], bad), overEvery: () => lodash.overEvery([bad])(1),
})) {
  calls[`lodash ${name}`] = run;
}

for (const [name, run] of Object.entries({
  sum: () => d3.sum([1], bad), group: () => d3.group([1], bad), rollup: () => d3.rollup([1], bad),
  hierarchy: () => d3.hierarchy({ children: [1] }, bad), stratify: () => d3.stratify()([{ id: 1 }]),
  pack: () => d3.pack()(null), tree: () => d3.tree()({}), bin: () => d3.bin().value(bad)([1]),
  line: () => d3.line(bad)([1]), pie: () => d3.pie().value(bad)([1]), stack: () => d3.stack()([1]),
  scale: () => d3.scaleLinear().domain(3), quantize: () => d3.quantize(bad, 2),
  format: () => d3.format("nonsense format"), locale: () => d3.timeFormat(null)(new Date()),
  geo: () => d3.geoPath(d3.geoMercator())({ type: "Feature", geometry: { type: "Point" } }),
  contours: () => d3.contours()([1]), delaunay: () => d3.Delaunay.from([1], bad),
  chord: () => d3.chord()([[1], 2]), force: () => d3.forceSimulation([{}]).stop().force("x", bad).tick(),
  interpolate: () => d3.interpolateString(null)(1), symbol: () => d3.symbol(3)(),
  csv: () => d3.csvParse("a,b\n1,2", bad), dispatch: () => d3.dispatch("a b"),
})) {
  calls[`d3 ${name}`] = run;
}

const thrown = (stream) =>
  new Promise((resolve, reject) => stream.subscribe({ error: reject, complete: resolve }));
for (const [name, stream] of Object.entries({
  map: () => rxjs.of(1).pipe(rxjs.map(bad)), filter: () => rxjs.of(1).pipe(rxjs.filter(bad)),
  scan: () => rxjs.of(1, 2).pipe(rxjs.scan(bad)), mergeMap: () => rxjs.of(1).pipe(rxjs.mergeMap(bad)),
  defer: () => rxjs.defer(bad), from: () => rxjs.of(1).pipe(rxjs.switchMap(() => 3)),
  tap: () => rxjs.of(1).pipe(rxjs.tap(bad)), single: () => rxjs.of(1, 2).pipe(rxjs.single()),
  groupBy: () => rxjs.of(1).pipe(rxjs.groupBy(bad)), take: () => rxjs.of(1).pipe(rxjs.takeWhile(bad)),
  combine: () => rxjs.combineLatest([3]), first: () => rxjs.EMPTY.pipe(rxjs.first()),
})) {
  calls[`rxjs ${name}`] = () => thrown(stream());
}

for (const [name, run] of Object.entries({
  loader: () => new three.ObjectLoader().parse({ object: { type: "Mesh" } }),
  geometry: () => new three.BufferGeometry().setFromPoints([null]),
  curve: () => new three.CatmullRomCurve3([null, null]).getPoint(0.5),
  raycast: () => new three.Raycaster().intersectObject({}), box: () => new three.Box3().setFromObject({}),
  traverse: () => new three.Object3D().add(new three.Object3D()).traverse(bad),
  color: () => new three.Color().lerp(null, 1), matrix: () => new three.Matrix4().multiply(null),
  shape: () => new three.ShapeGeometry([null]), clip: () => new three.AnimationClip("x", 1, [null]).validate(),
  euler: () => new three.Euler().setFromVector3(null), path: () => new three.Path([null]),
  mixer: () => new three.AnimationMixer({}).clipAction(null), tube: () => new three.TubeGeometry(null),
  extrude: () => new three.ExtrudeGeometry(new three.Shape([null])),
})) {
  calls[`three ${name}`] = run;
}

const results = [];
for (const [label, run] of Object.entries(calls)) {
  try {
    await run();
  } catch (error) {
    results.push({ label, stack: String(error.stack) });
  }
}
process.stdout.write(JSON.stringify(results));
